"""The ledger: functions over a connection, each part of its caller's transaction.

Whoever adds rows holds the lock of their schedule, and adds to its `record_count`. One row per fire time is the rule of
the primary key.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from server.orchestrator.schedules.schedule_row import OccurrenceRow, Status
from server.orchestrator.tables import LIVE, OCCURRENCES, SCHEDULES
from server.tasks.tables import TASKS
from server.tasks.task import FINAL

# Rows kept of each schedule; a condition of an index says it too.
KEPT: Final = 10_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ends: at the row of this time, in micros, which is one of a trigger or not."""

    fire_time: int
    by_hand: int


def add(connection: sa.Connection, rows: Iterable[OccurrenceRow]) -> None:
    """Store `rows`. A fire time that has a row already is an IntegrityError, and undoes the unit of work."""
    values = [{name: getattr(row, name) for name in _COLUMNS} for row in rows]
    if values:
        connection.execute(_INSERT, values)


def page(
    connection: sa.Connection, number: int, *, limit: int, behind: Place | None = None, status: Status | None = None
) -> list[OccurrenceRow]:
    """Return at most `limit` rows of the schedule, newest first; None for no such filter."""
    query = _NEWEST.limit(limit)
    if status is not None:
        query = query.where(OCCURRENCES.c.status == status)
    if behind is not None:
        query = query.where(sa.tuple_(sa.literal(behind.fire_time), sa.literal(behind.by_hand)) > _KEY)
    return [OccurrenceRow(*row) for row in connection.execute(query, {"schedule": number})]


def newest_by_hand(connection: sa.Connection, number: int, *, since: int) -> int | None:
    """Return the newest time at which the schedule was triggered by hand, None when that is not `since` or later."""
    return connection.execute(_NEWEST_BY_HAND, {"schedule": number, "since": since}).scalar()


def recorded(connection: sa.Connection, number: int, fire_time: int) -> bool:
    """Return whether there is a row of that fire time."""
    return connection.execute(_RECORDED, {"schedule": number, "time": fire_time}).first() is not None


def recorded_ahead(connection: sa.Connection, numbers: Sequence[int]) -> Mapping[int, frozenset[int]]:
    """Return which fire times from `next_run` on have rows, of those schedules that have any.

    Such rows are there when the clock was set back and a schedule was enabled, or given another expression, after it.
    """
    found: dict[int, set[int]] = {}
    for number, fire_time in connection.execute(_RECORDED_AHEAD, {"numbers": numbers}):
        found.setdefault(number, set()).add(fire_time)
    return {number: frozenset(times) for number, times in found.items()}


def live_jobs(connection: sa.Connection, numbers: Sequence[int]) -> Mapping[int, tuple[str, ...]]:
    """Return the jobs that have not ended, of those schedules that have any."""
    found: dict[int, list[str]] = {}
    for number, job_id in connection.execute(_LIVE_JOBS, {"numbers": numbers}):
        found.setdefault(number, []).append(job_id)
    return {number: tuple(jobs) for number, jobs in found.items()}


def job_ended(connection: sa.Connection, schedule_id: str, job_id: str) -> None:
    """Note that a job has ended. Nothing happens if it is none of the ledger."""
    connection.execute(_ENDED, {"of_schedule": schedule_id, "of_job": job_id})


def remove_oldest(connection: sa.Connection, number: int, limit: int) -> int:
    """Remove at most `limit` rows of the schedule, the oldest first, and return how many."""
    last = connection.execute(_OLDEST, {"schedule": number, "limit": limit}).all()
    if not last:
        return 0
    up_to = {"schedule": number, "up_to_time": last[-1].fire_time, "up_to_hand": last[-1].by_hand}
    return connection.execute(_REMOVE_OLDEST, up_to).rowcount


def delete_of(connection: sa.Connection, number: int) -> None:
    """Remove every row of the schedule."""
    connection.execute(_DELETE, {"schedule": number})


_TABLE: Final = OCCURRENCES
_COLUMNS: Final = tuple(_TABLE.c.keys())
_KEY: Final = sa.tuple_(_TABLE.c.fire_time, _TABLE.c.by_hand)
_OF_SCHEDULE: Final = _TABLE.c.schedule_number == sa.bindparam("schedule")
_INSERT: Final = sa.insert(_TABLE)
_NEWEST: Final = sa.select(*_TABLE.c).where(_OF_SCHEDULE).order_by(_TABLE.c.fire_time.desc(), _TABLE.c.by_hand.desc())
_NEWEST_BY_HAND: Final = sa.select(sa.func.max(_TABLE.c.fire_time)).where(
    _OF_SCHEDULE, _TABLE.c.fire_time >= sa.bindparam("since"), _TABLE.c.by_hand == 1
)
_RECORDED: Final = sa.select(_TABLE.c.fire_time).where(
    _OF_SCHEDULE, _TABLE.c.fire_time == sa.bindparam("time"), _TABLE.c.by_hand == 0
)
_RECORDED_AHEAD: Final = (
    sa.select(_TABLE.c.schedule_number, _TABLE.c.fire_time)
    .join(SCHEDULES, SCHEDULES.c.number == _TABLE.c.schedule_number)
    .where(
        SCHEDULES.c.number.in_(sa.bindparam("numbers", expanding=True)),
        _TABLE.c.fire_time >= SCHEDULES.c.next_run,
        _TABLE.c.by_hand == 0,
    )
)
_LIVE_JOBS: Final = (
    sa.select(_TABLE.c.schedule_number, _TABLE.c.job_id)
    .join(TASKS, TASKS.c.id == _TABLE.c.job_id)
    .where(
        LIVE,
        _TABLE.c.schedule_number.in_(sa.bindparam("numbers", expanding=True)),
        TASKS.c.state.not_in([int(state) for state in FINAL]),
    )
    .order_by(_TABLE.c.fire_time)
)
_ENDED: Final = (
    sa.update(_TABLE)
    .where(
        LIVE,
        _TABLE.c.schedule_number
        == sa.select(SCHEDULES.c.number).where(SCHEDULES.c.id == sa.bindparam("of_schedule")).scalar_subquery(),
        _TABLE.c.job_id == sa.bindparam("of_job"),
    )
    .values(live=0)
)
_OLDEST: Final = (
    sa.select(_TABLE.c.fire_time, _TABLE.c.by_hand)
    .where(_OF_SCHEDULE)
    .order_by(_TABLE.c.fire_time, _TABLE.c.by_hand)
    .limit(sa.bindparam("limit"))
)
_REMOVE_OLDEST: Final = sa.delete(_TABLE).where(
    _OF_SCHEDULE, sa.tuple_(sa.bindparam("up_to_time"), sa.bindparam("up_to_hand")) >= _KEY
)
_DELETE: Final = sa.delete(_TABLE).where(_OF_SCHEDULE)
