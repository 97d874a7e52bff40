"""How a proxy is judged: decay, siblings, sample, verdict and reasons."""

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.telemetry.proxies import proxy_health, site_weights
from server.telemetry.proxies.proxy_health import Health, SiteFigures, judge, reasons, site_reason
from server.telemetry.proxies.site_weights import HALF_LIFE_MICROS, Weights
from switchyard.telemetry.v1.proxy_pb2 import ProxyHealth

NOON = 12 * 3_600_000_000

# What floats may be off by.
NOISE = 1e-9


def site(own: tuple[float, float], siblings: tuple[float, float] = (0, 0), name: str = "shop.example") -> SiteFigures:
    """Successes and failures of a proxy at a site, and of all others there."""
    return SiteFigures(name, Weights(*own, NOON), Weights(*siblings, NOON))


AMOUNT = st.floats(0, 1e6) | st.integers(0, 20).map(float)
PAIR = st.tuples(AMOUNT, AMOUNT)


@st.composite
def sites(draw: st.DrawFn) -> list[SiteFigures]:
    pairs = draw(st.lists(st.tuples(PAIR, PAIR), max_size=6))
    return [site(own, siblings, f"{number}.example") for number, (own, siblings) in enumerate(pairs)]


def test_nothing_is_held_against_a_proxy_that_was_never_used() -> None:
    health = judge([])

    assert (health.verdict, health.score, health.sample) == (ProxyHealth.VERDICT_UNPROVEN, 1.0, 0.0)
    assert reasons(health) == ["0.0 sessions count by now and a verdict needs 5; nothing is held against it."]


@pytest.mark.parametrize(
    ("own", "verdict"),
    [
        ((0, 4), ProxyHealth.VERDICT_UNPROVEN),
        ((0, 4.94), ProxyHealth.VERDICT_UNPROVEN),
        ((0, 4.96), ProxyHealth.VERDICT_BLACKLISTED),  # five sessions of the last minutes
        ((4, 1), ProxyHealth.VERDICT_HEALTHY),  # the bound belongs to it
        ((3.9996, 1), ProxyHealth.VERDICT_HEALTHY),  # the successes came first and weigh a little less
        ((78, 22), ProxyHealth.VERDICT_FLAGGED),
        ((5, 5), ProxyHealth.VERDICT_FLAGGED),  # the bound belongs to it
        ((49, 51), ProxyHealth.VERDICT_BLACKLISTED),
    ],
)
def test_the_verdict_follows_score_and_sample(own: tuple[float, float], verdict: int) -> None:
    assert judge([site(own)]).verdict == verdict


def test_a_proxy_is_held_against_its_siblings() -> None:
    health = judge([site((45, 55), siblings=(50, 50))])

    assert health.score == pytest.approx(0.9)
    assert health.verdict == ProxyHealth.VERDICT_HEALTHY


def test_better_than_the_siblings_is_no_more_than_a_full_score() -> None:
    assert judge([site((90, 10), siblings=(30, 70))]).score == 1.0


def test_too_few_sessions_of_siblings_compare_with_nothing() -> None:
    few, enough = site((5, 5), siblings=(2, 2)), site((5, 5), siblings=(2.5, 2.5))

    assert (few.comparable, few.score) == (False, 0.5)
    assert (enough.comparable, enough.score) == (True, 1.0)


def test_a_site_that_refuses_everyone_does_not_count() -> None:
    refusing = site((0, 100), siblings=(1, 99), name="wall.example")

    health = judge([refusing, site((10, 0))])

    assert (health.verdict, health.score, health.sample) == (ProxyHealth.VERDICT_HEALTHY, 1.0, 10.0)
    assert not refusing.counts
    assert reasons(health)[-1] == "Not held against it, as everyone is refused there: wall.example."


def test_a_site_that_refuses_only_this_proxy_counts() -> None:
    refused = site((0, 100), siblings=(95, 5))

    assert refused.counts
    assert judge([refused]).verdict == ProxyHealth.VERDICT_BLACKLISTED


def test_small_sites_count_together() -> None:
    health = judge([site((0, 1), name=f"{number}.example") for number in range(5)])

    assert (health.verdict, health.sample) == (ProxyHealth.VERDICT_BLACKLISTED, 5.0)


def test_what_weighs_next_to_nothing_is_not_shown() -> None:
    assert judge([site((0.01, 0.02))]).sites == ()


def test_the_site_used_most_comes_first() -> None:
    health = judge([site((1, 1), name="b"), site((5, 5), name="c"), site((2, 0), name="a")])

    assert [one.site for one in health.sites] == ["c", "a", "b"]


def test_the_reasons_tell_the_numbers_and_the_worst_sites() -> None:
    health = judge(
        [
            site((0, 40), siblings=(90, 10), name="shop.example"),
            site((1, 1), name=""),
            site((20, 0), siblings=(10, 0), name="fine.example"),
            site((0, 30), siblings=(0, 1000), name="wall.example"),
        ]
    )

    assert reasons(health) == [
        "It had 36 % of the success to be expected of 62.0 sessions: blacklisted, as it is below 50 %.",
        "shop.example: 0 % of 40.0 sessions succeeded, with other proxies 90 % of 100.0.",
        f"Sessions without a target: {site_reason(site((1, 1)))}",
        "Not held against it, as everyone is refused there: wall.example.",
    ]


def test_many_poor_sites_are_counted_and_not_listed() -> None:
    poor = [site((0, 10 + number), name=f"{number}.example") for number in range(9)]
    walls = [site((0, 10), siblings=(0, 10), name=f"wall{number}.example") for number in range(5)]

    told = reasons(judge([*poor, *walls]))

    assert len(told) == 1 + proxy_health.TOLD + 2
    assert told[1].startswith("8.example: ")
    assert told[-2:] == [
        "6 more sites have a score below 80 %.",
        "Not held against it, as everyone is refused there: wall0.example, wall1.example, wall2.example and 2 more.",
    ]


def test_a_site_without_siblings_says_that_there_is_nothing_to_compare_with() -> None:
    assert site_reason(site((1, 1))) == (
        "50 % of 2.0 sessions succeeded; other proxies had 0.0 sessions there, too few to compare with (5 are needed)."
    )


def test_a_refusing_site_says_so_itself() -> None:
    assert site_reason(site((0, 12), siblings=(1, 1999))) == (
        "The site refuses everyone: 0 % of 12.0 sessions succeeded, with other proxies 0 % of 2,000.0;"
        " it does not count."
    )


def test_what_is_said_agrees_with_the_verdict_at_the_bound() -> None:
    health = judge([site((796, 204))])

    assert health.verdict == ProxyHealth.VERDICT_HEALTHY
    assert "80 %" in reasons(health)[0]


@given(sites())
def test_a_score_lies_between_zero_and_one(figures: Sequence[SiteFigures]) -> None:
    health = judge(figures)

    assert 0.0 <= health.score <= 1.0
    assert all(0.0 <= one.score <= 1.0 for one in health.sites)
    assert reasons(health)
    assert all(site_reason(one) for one in health.sites)


@given(sites(), st.integers(0, 5), AMOUNT)
def test_more_failures_never_raise_the_score(figures: list[SiteFigures], which: int, more: float) -> None:
    if not figures:
        return
    at = which % len(figures)
    one = figures[at]
    if one.own.sessions < proxy_health.LEAST_WEIGHT:
        return
    worse = site(
        (one.own.successes, one.own.failures + more), (one.siblings.successes, one.siblings.failures), one.site
    )

    judged = judge([*figures[:at], worse, *figures[at + 1 :]])

    assert judged.score <= judge(figures).score + NOISE


@given(sites(), st.integers(0, 5), AMOUNT)
def test_more_successes_never_lower_the_score(figures: list[SiteFigures], which: int, more: float) -> None:
    if not figures:
        return
    at = which % len(figures)
    one = figures[at]
    if one.own.sessions < proxy_health.LEAST_WEIGHT:
        return
    better = site(
        (one.own.successes + more, one.own.failures), (one.siblings.successes, one.siblings.failures), one.site
    )

    judged = judge([*figures[:at], better, *figures[at + 1 :]])

    assert judged.score >= judge(figures).score - NOISE


@given(sites(), st.floats(0, 1e6), st.floats(5, 1e6))
def test_a_site_that_refuses_everyone_never_changes_the_verdict(
    figures: list[SiteFigures], own: float, others: float
) -> None:
    def facts(health: Health) -> tuple[int, float, float]:
        return health.verdict, health.score, health.sample

    walled = judge([*figures, site((0, own), (0, others), "wall.example")])

    assert facts(walled) == facts(judge(figures))


@given(st.lists(st.tuples(PAIR, PAIR), max_size=6), st.integers(0, 10**12), st.integers(0, 10**12))
def test_a_sample_only_shrinks_with_time(pairs: list[tuple[tuple[float, float], ...]], first: int, more: int) -> None:
    def sample_at(now: int) -> float:
        weights = [(Weights(*own, NOON).at(now), Weights(*others, NOON).at(now)) for own, others in pairs]
        return sum(own.sessions + others.sessions for own, others in weights)

    assert sample_at(NOON + first + more) <= sample_at(NOON + first) + NOISE


def test_a_session_counts_half_as_much_every_six_hours() -> None:
    weights = Weights(8.0, 4.0, NOON)

    assert HALF_LIFE_MICROS == 6 * 3_600_000_000
    assert weights.at(NOON + HALF_LIFE_MICROS) == Weights(4.0, 2.0, NOON + HALF_LIFE_MICROS)
    assert weights.at(NOON + 3 * HALF_LIFE_MICROS) == Weights(1.0, 0.5, NOON + 3 * HALF_LIFE_MICROS)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 10**11)), min_size=1, max_size=8), st.randoms())
def test_the_order_in_which_sessions_are_added_does_not_matter(ended: list[tuple[bool, int]], order: Random) -> None:
    def added(sessions: Sequence[tuple[bool, int]]) -> Weights:
        total = Weights(0.0, 0.0, 0)
        for success, now in sessions:
            total = total.plus(site_weights.of_session(success=success, now=now))
        return total

    shuffled = list(ended)
    order.shuffle(shuffled)
    first, second = added(ended), added(shuffled)

    assert first.time == second.time
    assert first.successes == pytest.approx(second.successes)
    assert first.failures == pytest.approx(second.failures)


def test_the_siblings_are_all_without_the_proxy_itself() -> None:
    everyone = Weights(10.0, 6.0, NOON)
    own = Weights(4.0, 4.0, NOON - HALF_LIFE_MICROS)

    assert everyone.minus(own) == Weights(8.0, 4.0, NOON)


def test_digits_that_floats_lose_leave_no_sibling_below_zero() -> None:
    assert Weights(0.1, 0.2, NOON).minus(Weights(0.1 + 1e-17, 0.2 + 1e-9, NOON)) == Weights(0.0, 0.0, NOON)
