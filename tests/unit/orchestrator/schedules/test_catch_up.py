"""What is done about fire times that passed."""

import pytest

from server.clock import SECOND
from server.orchestrator.schedules.catch_up import MOST, judge
from switchyard.orchestrator.v1.schedule_pb2 import Occurrence, Schedule

SKIP, ONCE, ALL = Schedule.CATCH_UP_POLICY_SKIP, Schedule.CATCH_UP_POLICY_ONCE, Schedule.CATCH_UP_POLICY_ALL
FIRED, LATE, MISSED = Occurrence.STATUS_FIRED, Occurrence.STATUS_LATE, Occurrence.STATUS_MISSED
MINUTE = 60 * SECOND
NOON = 1_700_000_000 * SECOND


def minutely(count: int) -> list[int]:
    """Return `count` fire times, the last one two minutes before noon."""
    return [NOON - (count + 1 - number) * MINUTE for number in range(count)]


def statuses(count: int, policy: Schedule.CatchUpPolicy.ValueType, *, more: bool = False) -> list[int]:
    return [verdict.status for verdict in judge(minutely(count), policy, watched_since=NOON, now=NOON, more=more)]


@pytest.mark.parametrize(
    ("policy", "count", "expected"),
    [
        (SKIP, 3, [MISSED, MISSED, MISSED]),
        (ONCE, 3, [MISSED, MISSED, LATE]),
        (ONCE, 1, [LATE]),
        (ALL, 3, [LATE, LATE, LATE]),
        (ALL, MOST + 2, [MISSED, MISSED] + [LATE] * MOST),
    ],
)
def test_the_policy_says_which_of_the_times_that_nobody_watched_fire(
    policy: Schedule.CatchUpPolicy.ValueType, count: int, expected: list[int]
) -> None:
    assert statuses(count, policy) == expected


@pytest.mark.parametrize("policy", [SKIP, ONCE, ALL])
def test_none_of_them_fires_while_enough_later_ones_are_due(policy: Schedule.CatchUpPolicy.ValueType) -> None:
    assert set(statuses(5, policy, more=True)) == {MISSED}


@pytest.mark.parametrize(
    ("late_micros", "status", "reason"),
    [
        (0, FIRED, ""),
        (SECOND, FIRED, ""),
        (SECOND + 1, LATE, "the server was busy"),
        (MINUTE - 1, LATE, "the server was busy"),
        (MINUTE, MISSED, "the server slept at that time, or its clock was set forward"),
    ],
)
def test_a_time_that_was_watched_fires_unless_the_server_was_away(late_micros: int, status: int, reason: str) -> None:
    time = NOON - late_micros

    [verdict] = judge([time], SKIP, watched_since=NOON - 3600 * SECOND, now=NOON)

    assert verdict.status == status
    assert verdict.reason.startswith(reason)
    assert not verdict.made_up


def test_a_time_that_is_on_time_fires_beside_one_that_is_made_up_for() -> None:
    verdicts = judge([*minutely(2), NOON], ONCE, watched_since=NOON, now=NOON)

    assert [(verdict.status, verdict.made_up) for verdict in verdicts] == [
        (MISSED, False),
        (LATE, True),
        (FIRED, False),
    ]


def test_a_server_that_was_restarted_at_once_was_not_there_either() -> None:
    [verdict] = judge([NOON - SECOND // 2], SKIP, watched_since=NOON, now=NOON)

    assert verdict.reason == "no server ran at that time; catch_up_policy skip makes up for none"
