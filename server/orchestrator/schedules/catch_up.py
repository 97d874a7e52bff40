"""What is done about fire times that are due, one by one, late ones by the policy of their schedule. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from server.clock import SECOND
from server.orchestrator.schedules.schedule_row import CatchUp, Status
from switchyard.orchestrator.v1.schedule_pb2 import Occurrence, Schedule

# So many of the newest are made up for by the policy "all".
MOST: Final = 100
# A job that is queued within this time is on time.
ON_TIME_MICROS: Final = SECOND
# A server that is behind by so much was away: its machine slept, or the clock was set forward.
AWAY_MICROS: Final = 60 * SECOND

_DOWN: Final = "no server ran at that time"
_AWAY: Final = "the server slept at that time, or its clock was set forward"
_BUSY: Final = "the server was busy"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is done about one fire time: FIRED or LATE, when a job is to be queued, or MISSED.

    `made_up` is whether it passed while nobody watched, and fires because of the policy.
    """

    fire_time: int
    status: Status
    reason: str = ""
    made_up: bool = False

    @property
    def fires(self) -> bool:
        """Whether a job is to be queued."""
        return self.status != Occurrence.STATUS_MISSED


def judge(times: Sequence[int], policy: CatchUp, *, watched_since: int, now: int, more: bool = False) -> list[Verdict]:
    """Return what is done about `times`, which are due at `now`, the oldest first. All in micros.

    Fire times before `watched_since` passed while no server ran. With `more` at least `MOST` later ones are due too
    and left to another call.
    """
    passed = sum(1 for time in times if time < watched_since or now - time >= AWAY_MICROS)
    first = _first_made_up(passed, policy, more=more)
    return [
        _on_time_or_busy(time, now)
        if position >= passed
        else _made_up(time, watched_since)
        if position >= first
        else _missed(time, policy, watched_since)
        for position, time in enumerate(times)
    ]


def _first_made_up(passed: int, policy: CatchUp, *, more: bool) -> int:
    """Return the position of the oldest one that is made up for, `passed` when none is."""
    if more or policy == Schedule.CATCH_UP_POLICY_SKIP:
        return passed
    return max(0, passed - (MOST if policy == Schedule.CATCH_UP_POLICY_ALL else 1))


def _on_time_or_busy(time: int, now: int) -> Verdict:
    if now - time <= ON_TIME_MICROS:
        return Verdict(time, Occurrence.STATUS_FIRED)
    return Verdict(time, Occurrence.STATUS_LATE, _BUSY)


def _made_up(time: int, watched_since: int) -> Verdict:
    return Verdict(time, Occurrence.STATUS_LATE, _cause(time, watched_since), made_up=True)


def _missed(time: int, policy: CatchUp, watched_since: int) -> Verdict:
    return Verdict(time, Occurrence.STATUS_MISSED, f"{_cause(time, watched_since)}; {_RULES[policy]}")


def _cause(time: int, watched_since: int) -> str:
    return _DOWN if time < watched_since else _AWAY


_RULES: Final = {
    Schedule.CATCH_UP_POLICY_SKIP: "catch_up_policy skip makes up for none",
    Schedule.CATCH_UP_POLICY_ONCE: "catch_up_policy once makes up for the newest only",
    Schedule.CATCH_UP_POLICY_ALL: f"catch_up_policy all makes up for the newest {MOST} only",
}
