"""Which proxy is leased, and why."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import NoProxy
from server.telemetry.proxies import proxy_choice
from server.telemetry.proxies.proxy_choice import Candidate, Obstacle, choose, obstacle
from server.telemetry.proxies.proxy_health import SiteFigures, judge
from server.telemetry.proxies.site_weights import Weights


def candidate(number: int, score: float = 1.0, **fields: object) -> Candidate:
    fit = Candidate(
        id=number,
        country=None,
        enabled=True,
        disabled=False,
        blacklisted=False,
        score=score,
        scored_by="at shop.example",
        max_leases=None,
        live_leases=0,
        newest_lease="",
    )
    return replace(fit, **fields)  # type: ignore[arg-type]


def site(name: str, own: tuple[float, float], siblings: tuple[float, float] = (0, 0)) -> SiteFigures:
    return SiteFigures(name, Weights(*own, 0), Weights(*siblings, 0))


def test_the_best_score_wins() -> None:
    choice = choose([candidate(1, 0.8, live_leases=0), candidate(2, 0.9, live_leases=5)], country="")

    assert choice.proxy_id == 2
    assert choice.reasons == ("Score 0.90 at shop.example, the best of 2 fit proxies.",)


def test_of_equal_scores_the_fewest_leases_win() -> None:
    choice = choose(
        [candidate(1, live_leases=2, newest_lease="a"), candidate(2, live_leases=1, newest_lease="b")], country=""
    )

    assert choice.proxy_id == 2
    assert choice.reasons == (
        "Score 1.00 at shop.example, the best of 2 fit proxies; 2 have as much.",
        "Live leases of it: 1, the fewest among these.",
    )


def test_of_equal_leases_the_longest_rest_wins() -> None:
    choice = choose([candidate(1, newest_lease="b"), candidate(2, newest_lease="a")], country="")

    assert choice.proxy_id == 2
    assert choice.reasons[1:] == ("Of 2 with as few leases it has rested the longest.",)


def test_one_that_was_never_leased_has_rested_the_longest() -> None:
    assert choose([candidate(1, newest_lease="a"), candidate(2)], country="").proxy_id == 2


def test_the_only_fit_proxy_says_so() -> None:
    choice = choose([candidate(1), candidate(2, enabled=False)], country="")

    assert choice.reasons == ("Score 1.00 at shop.example; no other proxy is fit.",)


@pytest.mark.parametrize(
    ("fields", "country", "kept"),
    [
        ({}, "", None),
        ({"country": "us"}, "US", None),  # country codes are read in any case
        ({"country": "DE"}, "US", Obstacle.COUNTRY),
        ({"country": None}, "US", Obstacle.COUNTRY),
        ({"enabled": False, "disabled": True}, "", Obstacle.SWITCHED_OFF),
        ({"disabled": True}, "", Obstacle.DISABLED),
        ({"blacklisted": True}, "", Obstacle.BLACKLISTED),
        ({"max_leases": 2, "live_leases": 2}, "", Obstacle.FULL),
        ({"max_leases": 2, "live_leases": 1}, "", None),
        ({"max_leases": 1, "live_leases": 7}, "", Obstacle.FULL),  # the limit was lowered
    ],
)
def test_a_proxy_is_fit_or_it_is_told_why_not(fields: dict[str, object], country: str, kept: Obstacle | None) -> None:
    assert obstacle(candidate(1, **fields), country=country) is kept  # type: ignore[arg-type]


def test_the_limit_does_not_matter_to_who_holds_a_lease() -> None:
    full = candidate(1, max_leases=1, live_leases=1)

    assert obstacle(full, country="", renewal=True) is None


def test_a_refusal_counts_what_keeps_proxies_from_it() -> None:
    candidates = [
        candidate(1, disabled=True),
        candidate(2, max_leases=1, live_leases=1),
        candidate(3, disabled=True),
    ]

    with pytest.raises(NoProxy) as refusal:
        choose(candidates, country="")

    assert refusal.value.message == "3 proxies: 2 disabled by failures, 1 at its limit of leases"
    assert refusal.value.metadata == {"proxies": "3", "disabled": "2", "full": "1"}


@pytest.mark.parametrize(
    ("candidates", "sentence"),
    [
        ([], "No proxy is known"),
        ([candidate(1)], "1 proxy: 1 of another country"),
    ],
)
def test_a_refusal_is_a_sentence(candidates: list[Candidate], sentence: str) -> None:
    with pytest.raises(NoProxy) as refusal:
        choose(candidates, country="NL")

    assert refusal.value.message == sentence


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from("abc"), st.booleans()), min_size=1))
def test_no_fit_proxy_is_better_than_the_chosen_one(drawn: list[tuple[int, int, str, bool]]) -> None:
    candidates = [
        candidate(number, score / 3, live_leases=live, newest_lease=newest, enabled=enabled)
        for number, (score, live, newest, enabled) in enumerate(drawn)
    ]
    fit = {one.id: (-one.score, one.live_leases, one.newest_lease) for one in candidates if one.enabled}
    if not fit:
        return

    chosen = choose(candidates, country="").proxy_id

    assert fit[chosen] == min(fit.values())


def test_a_score_is_that_of_the_site_where_it_says_enough() -> None:
    health = judge([site("shop.example", (3, 7)), site("other.example", (90, 0))])

    assert proxy_choice.score_at(health, "shop.example") == (0.3, "at shop.example")


@pytest.mark.parametrize("wanted", ["", "new.example", "small.example", "wall.example"])
def test_where_a_site_says_nothing_the_score_is_that_over_all_sites(wanted: str) -> None:
    health = judge([site("shop.example", (8, 2)), site("small.example", (0, 2)), site("wall.example", (0, 9), (0, 9))])

    assert proxy_choice.score_at(health, wanted) == (0.67, "over all sites")


def test_what_is_unproven_has_a_neutral_score() -> None:
    health = judge([site("shop.example", (0, 4))])

    assert proxy_choice.score_at(health, "shop.example") == (1.0, "given to what is unproven")


def test_scores_that_hardly_differ_are_equal() -> None:
    first, second = judge([site("a", (901, 99))]), judge([site("a", (904, 96))])

    assert proxy_choice.score_at(first, "a") == proxy_choice.score_at(second, "a")
