"""Which fire times of an environment's schedules are due, and which of them counts. Pure. Times are micros.

What passed while nobody watched is made up for once: the newest fire time of all schedules of the environment counts,
so that it stands afterwards where it would stand had somebody watched.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from server.environments.schedules.schedule_store import ScheduleRow
from server.errors import InvalidArgument
from server.orchestrator.schedules.fire_times import next_fire_time

# Fire times of one schedule that are dealt with one by one. When more are due, so many of them are passed over at once.
TIMES_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class Due:
    """Fire times of a schedule that are due, oldest first, at least one, and the one that follows."""

    row: ScheduleRow
    times: Sequence[int]
    next_run: int | None
    more: bool
    """Whether the one that follows is due as well."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One fire time, or with `count` above 1 the newest of so many, and whether it `counts`."""

    row: ScheduleRow
    fire_time: int
    counts: bool
    count: int = 1


def due_of(row: ScheduleRow, *, now: int) -> Due | None:
    """Return the fire times of a schedule that are due at `now`; None when none is."""
    times: list[int] = []
    time = row.next_run
    while time is not None and time <= now and len(times) < TIMES_AT_ONCE:
        times.append(time)
        time = _following(row, time)
    return Due(row, times, time, more=time is not None and time <= now) if times else None


def _following(row: ScheduleRow, time: int) -> int | None:
    try:
        return next_fire_time(row.cron, row.zone, time)
    except InvalidArgument:  # a time zone that the tables of today do not have any more
        return None


def turns(dues: Sequence[Due]) -> list[Turn]:
    """Return what is done about the fire times of one environment's schedules, in order."""
    behind = [due for due in dues if due.more]
    if behind:
        # The others wait until these have caught up: only then it is known which fire time is the newest.
        return [Turn(due.row, due.times[-1], counts=False, count=len(due.times)) for due in behind]
    newest = max(due.times[-1] for due in dues)
    return sorted(_of_each(dues, newest), key=lambda turn: (turn.fire_time, turn.row.number))


def _of_each(dues: Sequence[Due], newest: int) -> Iterator[Turn]:
    for due in dues:
        for time in due.times:
            yield Turn(due.row, time, counts=time == newest)
