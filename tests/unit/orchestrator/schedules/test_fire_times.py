"""When expressions fire, above all in nights in which clocks change."""

from datetime import UTC, datetime
from itertools import islice, takewhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.clock import SECOND
from server.errors import InvalidArgument
from server.orchestrator.schedules.fire_times import LATEST, check_zone, fire_times, next_fire_time
from tests.unit.orchestrator.schedules.slow_calendar import (
    DAYS,
    HOUR,
    MONTHS,
    Night,
    Wall,
    expressions_of,
    nights,
    slow_fire_times,
    utc,
    walls,
    zone_names,
)

AROUND = 4 * HOUR


def shown(times: list[int]) -> list[str]:
    return [f"{datetime.fromtimestamp(time // SECOND, UTC):%m-%d %H:%M}" for time in times]


def first(expression: str, zone: str, after: int, count: int) -> list[str]:
    return shown(list(islice(fire_times(expression, zone, after * SECOND), count)))


def fast_fire_times(expression: str, zone: str, minutes: list[Wall]) -> list[int]:
    """Return what `slow_fire_times` returns, by the server's calendar."""
    end = minutes[-1].time * SECOND
    found = fire_times(expression, zone, minutes[0].time * SECOND)
    return [time // SECOND for time in takewhile(lambda time: time <= end, found)]


def test_fire_times_are_later_than_the_time_that_is_given() -> None:
    nine = utc(2026, 6, 1, 9) * SECOND

    assert next_fire_time("0 9 * * *", "UTC", nine - 1) == nine
    assert next_fire_time("0 9 * * *", "UTC", nine) == nine + 24 * HOUR * SECOND


def test_fields_are_in_the_zone_of_the_schedule() -> None:
    assert first("0 9 * * *", "Asia/Kolkata", utc(2026, 6, 1), 2) == ["06-01 03:30", "06-02 03:30"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # 2026-03-29 02:00 to 03:00 is skipped in Berlin; 03:00 is 01:00 UTC.
        ("30 2 * * *", ["03-28 01:30", "03-29 01:00", "03-30 00:30"]),
        ("0,15,30 2 * * *", ["03-28 01:00", "03-28 01:15", "03-28 01:30", "03-29 01:00", "03-30 00:00"]),
        ("0 2,3 * * *", ["03-28 01:00", "03-28 02:00", "03-29 01:00", "03-30 00:00", "03-30 01:00"]),
        # By real time: nothing shows 2 o'clock that night.
        ("*/30 2 * * *", ["03-28 01:00", "03-28 01:30", "03-30 00:00", "03-30 00:30"]),
    ],
)
def test_what_is_skipped_fires_once_after_the_change_unless_it_goes_by_real_time(
    expression: str, expected: list[str]
) -> None:
    assert first(expression, "Europe/Berlin", utc(2026, 3, 27, 12), len(expected)) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # 2026-10-25 02:00 to 03:00 comes twice in Berlin, at 00:00 and at 01:00 UTC.
        ("30 2 * * *", ["10-24 00:30", "10-25 00:30", "10-26 01:30"]),
        # By real time: an hour apart, also that night.
        ("0 * * * *", ["10-24 23:00", "10-25 00:00", "10-25 01:00", "10-25 02:00"]),
    ],
)
def test_what_comes_twice_fires_the_first_time_unless_it_goes_by_real_time(
    expression: str, expected: list[str]
) -> None:
    start = utc(2026, 10, 24, 22, 30) if expression.startswith("0 *") else utc(2026, 10, 23, 12)

    assert first(expression, "Europe/Berlin", start, len(expected)) == expected


def test_nothing_fires_again_for_who_asks_between_the_two_times() -> None:
    # 02:15 the second time; 02:30 was an instant three quarters of an hour ago.
    assert first("30 2 * * *", "Europe/Berlin", utc(2026, 10, 25, 1, 15), 1) == ["10-26 01:30"]


@pytest.mark.parametrize(
    ("zone", "expression", "after", "expected"),
    [
        # 2026-04-05 02:00 to 01:30 in Lord Howe: half an hour. 02:00 is 15:30 UTC.
        ("Australia/Lord_Howe", "*/10 2 * * *", utc(2026, 4, 4, 14), ["04-04 15:30", "04-04 15:40", "04-04 15:50"]),
        # 2026-09-27 02:45 to 03:45 in Chatham.
        ("Pacific/Chatham", "*/5 3 * * *", utc(2026, 9, 26, 13), ["09-26 14:00", "09-26 14:05", "09-26 14:10"]),
        # 2026-09-06 00:00 to 01:00 in Santiago: the day has no midnight, and by real time its turn comes in a year.
        ("America/Santiago", "*/30 0 6 9 *", utc(2026, 9, 5, 20), ["09-06 03:00"]),
        ("America/Santiago", "0 0 * * *", utc(2026, 9, 5, 20), ["09-06 04:00", "09-07 03:00"]),
    ],
)
def test_changes_at_odd_times_lose_no_minute(zone: str, expression: str, after: int, expected: list[str]) -> None:
    assert first(expression, zone, after, len(expected)) == expected


def test_every_change_of_clocks_from_2020_to_2030_in_every_zone_is_as_the_slow_calendar_says() -> None:
    seen: set[str] = set()

    for number, night in enumerate(nights()):
        minutes = walls(night.zone, night.change - AROUND, night.change + AROUND)
        expressions = expressions_of(night)
        for expression in {expressions[number % 16], expressions[number * 7 % 16], expressions[0]}:
            found = fast_fire_times(expression, night.zone, minutes)
            assert found == slow_fire_times(expression, minutes), (night, expression)
        seen |= night.zones

    # All others have kept their offset, and have no such night.
    assert len(seen) > 200


def test_every_zone_is_known() -> None:
    for zone in zone_names():
        check_zone(zone)


@pytest.mark.parametrize(
    "zone", ["", "Mars", "Europe", "europe/berlin", "../UTC", "/UTC", "localtime", "CEST-2", "UTC\0"]
)
def test_what_is_no_zone_is_refused(zone: str) -> None:
    with pytest.raises(InvalidArgument, match="timezone must be the IANA name of a time zone"):
        check_zone(zone)


def numbers(least: int, most: int, names: list[str] | None = None) -> st.SearchStrategy[str]:
    """Return a strategy for a field of numbers, names, ranges, steps and lists of them."""
    one = st.integers(least, most)
    word = one.map(str) | (st.sampled_from(names) if names else st.nothing())
    span = st.tuples(one, one).map(lambda pair: f"{min(pair)}-{max(pair)}")
    step = st.integers(1, most)
    stepped = st.tuples(span | one.map(str) | st.just("*"), step).map(lambda pair: f"{pair[0]}/{pair[1]}")
    return st.just("*") | st.lists(word | span | stepped | st.just("*"), min_size=1, max_size=3).map(",".join)


EXPRESSIONS = st.tuples(
    numbers(0, 59), numbers(0, 23), numbers(1, 28), numbers(1, 12, MONTHS[1:]), numbers(0, 7, DAYS)
).map(" ".join)


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(nights()), EXPRESSIONS)
def test_any_expression_fires_as_the_slow_calendar_says(night: Night, expression: str) -> None:
    minutes = walls(night.zone, night.change - AROUND, night.change + AROUND)

    assert fast_fire_times(expression, night.zone, minutes) == slow_fire_times(expression, minutes)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(nights()), st.integers(0, 15), st.integers(-AROUND, AROUND))
def test_the_next_fire_time_does_not_depend_on_who_asks_when(night: Night, number: int, later: int) -> None:
    expression, after = expressions_of(night)[number], (night.change + later) * SECOND
    whole = fire_times(expression, night.zone, (night.change - AROUND - 60) * SECOND)

    assert next_fire_time(expression, night.zone, after) == next(time for time in whole if time > after)


def test_there_is_an_end_of_the_calendar() -> None:
    assert next_fire_time("* * * * *", "UTC", LATEST) is None
    # 29 February on a Sunday comes every 28 years, more rarely around centuries.
    assert 250 < len(list(fire_times("0 0 29 2 */7", "Europe/Berlin", utc(2026, 1, 1) * SECOND))) < 300
