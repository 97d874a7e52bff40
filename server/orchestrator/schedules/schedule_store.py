"""Where schedules are kept: functions over a connection, each part of its caller's transaction.

Postgres runs units of work side by side, so whoever decides on a row locks it first.
"""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

import sqlalchemy as sa

from server.database.point_read import PointRead
from server.database.text import storable
from server.errors import NotFound
from server.orchestrator.schedules import occurrence_store
from server.orchestrator.schedules.fire_times import next_fire_time
from server.orchestrator.schedules.schedule_row import NewSchedule, ScheduleRow
from server.orchestrator.tables import HAS_NEXT_RUN, SCHEDULES, TOO_MANY_RECORDS


def insert(connection: sa.Connection, new: NewSchedule, *, now: int) -> ScheduleRow:
    """Store `new` under a new id and return it. Its first fire time is later than `now`.

    Raises:
        InvalidArgument: its expression or its zone is none; says which.
    """
    # Also of one that is disabled, so that nothing is stored that could never be enabled.
    first_run = next_fire_time(new.cron, new.zone, now)
    values: dict[str, Any] = {
        **asdict(new),
        "id": str(uuid.uuid4()),
        "name": storable(new.name),
        "next_run": first_run if new.enabled else None,
        "last_run": None,
        "run_count": 0,
        "failure_count": 0,
        "record_count": 0,
        "create_time": now,
        "update_time": now,
    }
    number: int = connection.execute(_INSERT, values).scalar_one()
    return ScheduleRow(number=number, **values)


def require(connection: sa.Connection, schedule_id: str, *, tenant_id: str | None) -> ScheduleRow:
    """Return the schedule. With `tenant_id` only those of that tenant are there.

    Raises:
        NotFound: there is none of that id.
    """
    return _there(_POINT_READ.first(connection, schedule_id=storable(schedule_id)), schedule_id, tenant_id)


def require_locked(connection: sa.Connection, schedule_id: str, *, tenant_id: str | None) -> ScheduleRow:
    """Return the schedule and keep other units of work from changing it until this one ends.

    Raises:
        NotFound: there is none of that id.
    """
    row = connection.execute(_BY_ID_LOCKED, {"schedule_id": storable(schedule_id)}).first()
    return _there(row, schedule_id, tenant_id)


def listed(
    connection: sa.Connection,
    *,
    tenant_id: str | None,
    limit: int,
    workflow_id: str = "",
    enabled: bool | None = None,
    before_id: str = "",
) -> list[ScheduleRow]:
    """Return at most `limit` schedules that pass every filter given, newest first; None or empty for no such filter.

    With `before_id` only those created before that schedule; none if it is not there.
    """
    query = _ALL.order_by(SCHEDULES.c.number.desc()).limit(limit)
    if tenant_id is not None:
        query = query.where(SCHEDULES.c.tenant == tenant_id)
    if workflow_id:
        query = query.where(SCHEDULES.c.workflow_id == storable(workflow_id))
    if enabled is not None:
        query = query.where(SCHEDULES.c.enabled == enabled)
    if before_id:
        before = sa.select(SCHEDULES.c.number).where(SCHEDULES.c.id == storable(before_id)).scalar_subquery()
        query = query.where(SCHEDULES.c.number < before)
    return [ScheduleRow(*row) for row in connection.execute(query)]


def due_locked(connection: sa.Connection, *, now: int, limit: int, aside: Collection[int]) -> list[ScheduleRow]:
    """Return at most `limit` schedules that are due at `now` and that nobody else holds, and hold them.

    Those that became due last come first: they can still be on time. `aside` are numbers to be left out.
    """
    given = {"now": now, "limit": limit, "aside": list(aside)}
    return [ScheduleRow(*row) for row in connection.execute(_DUE_LOCKED, given)]


def due_numbers(connection: sa.Connection, *, now: int, limit: int, aside: Collection[int]) -> list[int]:
    """Return the numbers of the schedules that `due_locked` returns, held by somebody or not."""
    given = {"now": now, "limit": limit, "aside": list(aside)}
    return list(connection.execute(_DUE_NUMBERS, given).scalars())


def at_number_locked(connection: sa.Connection, number: int) -> ScheduleRow | None:
    """Return the schedule of that number and hold it; None when it is gone."""
    row = connection.execute(_BY_NUMBER_LOCKED, {"at_number": number}).first()
    return None if row is None else ScheduleRow(*row)


def next_due(connection: sa.Connection, *, after: int) -> int | None:
    """Return the first time later than `after` at which some schedule is due, None when there is none."""
    row = _NEXT_DUE.first(connection, after=after)
    return None if row is None else row[0]


def any_due(connection: sa.Connection, *, now: int) -> bool:
    """Return whether some schedule is due at `now`."""
    return _ANY_DUE.first(connection, now=now) is not None


def first_run(connection: sa.Connection, row: ScheduleRow, *, now: int) -> int | None:
    """Return the first fire time of `row` later than `now` of which the ledger has no row.

    It has some when the clock was ahead and was set back.
    """
    found = next_fire_time(row.cron, row.zone, now)
    while found is not None and occurrence_store.recorded(connection, row.number, found):
        found = next_fire_time(row.cron, row.zone, found)
    return found


def change(connection: sa.Connection, row: ScheduleRow) -> None:
    """Store what can be changed of a schedule by its owner. The caller holds its lock."""
    connection.execute(_CHANGE, {"at_number": row.number, **{f"new_{name}": getattr(row, name) for name in _OWNED}})


def fired(connection: sa.Connection, rows: Sequence[ScheduleRow]) -> None:
    """Store what fire times change of schedules. The caller holds their locks."""
    changes = [{"at_number": row.number, **{f"new_{name}": getattr(row, name) for name in _DRIVEN}} for row in rows]
    if changes:
        connection.execute(_FIRED, changes)


def job_failed(connection: sa.Connection, schedule_id: str) -> None:
    """Count a job that failed. Nothing happens if the schedule is gone."""
    connection.execute(_FAILED, {"of_schedule": schedule_id})


def delete(connection: sa.Connection, row: ScheduleRow) -> None:
    """Remove a schedule, whose lock the caller holds, with its ledger."""
    occurrence_store.delete_of(connection, row.number)
    connection.execute(_DELETE, {"at_number": row.number})


def delete_of_workflow(connection: sa.Connection, workflow_id: str) -> int:
    """Remove every schedule of a workflow with its ledger, and return how many there were."""
    rows = [ScheduleRow(*row) for row in connection.execute(_OF_WORKFLOW_LOCKED, {"of_workflow": workflow_id})]
    for row in rows:
        delete(connection, row)
    return len(rows)


def with_too_many_records(connection: sa.Connection, *, limit: int) -> list[int]:
    """Return the numbers of at most `limit` schedules that have more rows in the ledger than are kept."""
    return list(connection.execute(_FULL, {"limit": limit}).scalars())


def trim(connection: sa.Connection, number: int, *, limit: int) -> int:
    """Remove the oldest rows of the schedule that are too many, at most `limit`, and return how many."""
    schedule = at_number_locked(connection, number)
    if schedule is None:
        return 0
    too_many = schedule.record_count - occurrence_store.KEPT
    removed = occurrence_store.remove_oldest(connection, number, min(limit, too_many)) if too_many > 0 else 0
    fired(connection, [replace(schedule, record_count=schedule.record_count - removed)])
    return removed


def _there(row: Sequence[Any] | None, schedule_id: str, tenant_id: str | None) -> ScheduleRow:
    schedule = None if row is None else ScheduleRow(*row)
    if schedule is None or tenant_id not in (None, schedule.tenant):
        raise NotFound(f"Schedule not found: {schedule_id}", schedule_id=schedule_id)
    return schedule


# What owners change, and what fire times change.
_OWNED: Final = (
    "name", "cron", "zone", "enabled", "priority", "mode", "catch_up", "overlap", "next_run", "variables", "metadata",
    "update_time",
)  # fmt: skip
_DRIVEN: Final = ("next_run", "last_run", "run_count", "record_count")

_ALL: Final = sa.select(*SCHEDULES.c)
_BY_ID: Final = _ALL.where(SCHEDULES.c.id == sa.bindparam("schedule_id"))
_BY_ID_LOCKED: Final = _BY_ID.with_for_update()
_POINT_READ: Final = PointRead(_BY_ID)
_AT_NUMBER: Final = SCHEDULES.c.number == sa.bindparam("at_number")
_BY_NUMBER_LOCKED: Final = _ALL.where(_AT_NUMBER).with_for_update()
_OF_WORKFLOW_LOCKED: Final = (
    _ALL.where(SCHEDULES.c.workflow_id == sa.bindparam("of_workflow")).order_by(SCHEDULES.c.number).with_for_update()
)
_IS_DUE: Final = SCHEDULES.c.next_run <= sa.bindparam("now")
_DUE: Final = (
    _ALL.where(HAS_NEXT_RUN, _IS_DUE, SCHEDULES.c.number.not_in(sa.bindparam("aside", expanding=True)))
    .order_by(SCHEDULES.c.next_run.desc(), SCHEDULES.c.number)
    .limit(sa.bindparam("limit"))
)
_DUE_LOCKED: Final = _DUE.with_for_update(skip_locked=True)
_DUE_NUMBERS: Final = _DUE.with_only_columns(SCHEDULES.c.number)
_ANY_DUE: Final = PointRead(sa.select(SCHEDULES.c.number).where(HAS_NEXT_RUN, _IS_DUE).limit(1))
_NEXT_DUE: Final = PointRead(
    sa.select(SCHEDULES.c.next_run)
    .where(HAS_NEXT_RUN, SCHEDULES.c.next_run > sa.bindparam("after"))
    .order_by(SCHEDULES.c.next_run)
    .limit(1)
)
_INSERT: Final = sa.insert(SCHEDULES).returning(SCHEDULES.c.number)
_CHANGE: Final = sa.update(SCHEDULES).where(_AT_NUMBER).values({name: sa.bindparam(f"new_{name}") for name in _OWNED})
_FIRED: Final = sa.update(SCHEDULES).where(_AT_NUMBER).values({name: sa.bindparam(f"new_{name}") for name in _DRIVEN})
_FAILED: Final = (
    sa.update(SCHEDULES)
    .where(SCHEDULES.c.id == sa.bindparam("of_schedule"))
    .values(failure_count=SCHEDULES.c.failure_count + 1)
)
_DELETE: Final = sa.delete(SCHEDULES).where(_AT_NUMBER)
_FULL: Final = sa.select(SCHEDULES.c.number).where(TOO_MANY_RECORDS).limit(sa.bindparam("limit"))
