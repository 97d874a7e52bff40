"""Which fire times of an environment's schedules are due, and which one counts."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from server.clock import SECOND
from server.environments.schedules.schedule_due import TIMES_AT_ONCE, Due, due_of, turns
from server.environments.schedules.schedule_store import ScheduleRow
from switchyard.environments.v1.environment_schedule_service_pb2 import EnvironmentSchedule

START, STOP = EnvironmentSchedule.ACTION_START, EnvironmentSchedule.ACTION_STOP
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE
# 2026-06-01T00:00:00Z, a Monday.
MONDAY = 1_780_272_000 * SECOND


def at(day: int, hour: int, minute: int = 0) -> int:
    return MONDAY + day * DAY + (hour * 60 + minute) * MINUTE


def schedule(number: int = 1, **columns: Any) -> ScheduleRow:
    given: dict[str, Any] = {"action": STOP, "cron": "* * * * *", "zone": "UTC", "next_run": MONDAY, "last_run": None}
    return ScheduleRow(number=number, id=f"s{number}", environment_number=1, **(given | columns))


def due(row: ScheduleRow, now: int) -> Due:
    found = due_of(row, now=now)
    assert found is not None
    return found


def test_nothing_is_due_before_its_time_or_without_one() -> None:
    assert due_of(schedule(), now=MONDAY - 1) is None
    assert due_of(schedule(next_run=None), now=MONDAY) is None


def test_the_next_fire_time_follows_from_the_one_before_it() -> None:
    assert due(schedule(), MONDAY + 59 * SECOND) == Due(schedule(), [MONDAY], MONDAY + MINUTE, more=False)


def test_the_newest_of_those_that_passed_counts() -> None:
    found = turns([due(schedule(), MONDAY + 2 * MINUTE)])

    assert [(turn.fire_time, turn.counts) for turn in found] == [
        (MONDAY, False),
        (MONDAY + MINUTE, False),
        (MONDAY + 2 * MINUTE, True),
    ]


def test_of_all_schedules_of_an_environment_the_newest_fire_time_counts() -> None:
    start = schedule(1, action=START, cron="30 7 * * *", next_run=at(1, 7, 30))
    stop = schedule(2, action=STOP, cron="0 19 * * *", next_run=at(0, 19))

    found = turns([due(start, at(1, 8)), due(stop, at(1, 8))])

    assert [(turn.row.number, turn.counts) for turn in found] == [(2, False), (1, True)]


def test_two_of_one_time_both_count_the_older_schedule_first() -> None:
    found = turns([due(schedule(2), MONDAY), due(schedule(1), MONDAY)])

    assert [(turn.row.number, turn.counts) for turn in found] == [(1, True), (2, True)]


def test_very_many_are_passed_over_at_once_while_the_others_wait() -> None:
    behind, other = due(schedule(1), MONDAY + DAY), due(schedule(2, cron="0 0 * * *"), MONDAY)

    found = turns([behind, other])

    assert behind.more
    assert [(turn.row.number, turn.counts, turn.count) for turn in found] == [(1, False, TIMES_AT_ONCE)]
    assert found[0].fire_time == MONDAY + (TIMES_AT_ONCE - 1) * MINUTE


def test_a_zone_that_is_gone_fires_once_more_and_never_again() -> None:
    assert due(schedule(zone="Mars/Olympus"), MONDAY).next_run is None


@given(st.integers(0, 3 * 24 * 60), st.sampled_from(["* * * * *", "*/7 3 * * *", "0 0 * * *", "30 1 * * MON"]))
def test_each_fire_time_is_dealt_with_once_and_one_counts(minutes: int, cron: str) -> None:
    now, row = MONDAY + minutes * MINUTE, schedule(cron=cron, next_run=MONDAY)
    counted, dealt = [], 0
    while (found := due_of(row, now=now)) is not None:
        for turn in turns([found]):
            dealt += turn.count
            counted += [turn.fire_time] if turn.counts else []
        row = row._replace(next_run=found.next_run)

    expected = [MONDAY]
    while (following := due(schedule(cron=cron, next_run=expected[-1]), expected[-1]).next_run) and following <= now:
        expected.append(following)
    assert (counted, dealt) == ([expected[-1]], len(expected))
