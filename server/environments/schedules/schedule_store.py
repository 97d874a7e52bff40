"""Where schedules of environments are kept: functions over a connection, each part of its caller's transaction.

Whoever changes a schedule holds the lock of its environment first, and then that of the schedule.
"""

import uuid
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import sqlalchemy as sa

from server.database.point_read import PointRead
from server.database.text import storable
from server.environments.tables import ENVIRONMENT_SCHEDULES as SCHEDULES
from switchyard.environments.v1.environment_schedule_service_pb2 import EnvironmentSchedule

Action: TypeAlias = EnvironmentSchedule.Action.ValueType


class ScheduleRow(NamedTuple):
    """One row of the table `environment_schedules`, in the order of its columns. Times are micros, None where unset."""

    number: int
    id: str
    environment_number: int
    action: Action
    cron: str
    zone: str
    next_run: int | None
    last_run: int | None


def insert(
    connection: sa.Connection, environment_number: int, action: Action, cron: str, zone: str, *, next_run: int | None
) -> ScheduleRow:
    """Store a schedule under a new id and return it."""
    values: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "environment_number": environment_number,
        "action": action,
        "cron": cron,
        "zone": zone,
        "next_run": next_run,
        "last_run": None,
    }
    number: int = connection.execute(_INSERT, values).scalar_one()
    return ScheduleRow(number=number, **values)


def of_environment(connection: sa.Connection, environment_number: int) -> list[ScheduleRow]:
    """Return the schedules of an environment, oldest first."""
    found = connection.execute(_OF_ENVIRONMENT, {"of_environment": environment_number})
    return [ScheduleRow._make(row) for row in found]


def delete(connection: sa.Connection, environment_number: int, schedule_id: str) -> bool:
    """Remove a schedule of an environment, and return whether it was there."""
    given = {"of_environment": environment_number, "schedule_id": storable(schedule_id)}
    return connection.execute(_DELETE, given).rowcount > 0


def environments_due(connection: sa.Connection, *, now: int, limit: int) -> list[int]:
    """Return the numbers of at most `limit` environments with a schedule that is due, the longest due first."""
    return list(connection.execute(_ENVIRONMENTS_DUE, {"now": now, "limit": limit}).scalars())


def due_locked(connection: sa.Connection, environment_numbers: Sequence[int], *, now: int) -> list[ScheduleRow]:
    """Return the schedules of these environments that are due, oldest first, and hold them."""
    found = connection.execute(_DUE_LOCKED, {"now": now, "numbers": environment_numbers})
    return [ScheduleRow._make(row) for row in found]


def next_due(connection: sa.Connection) -> int | None:
    """Return when the first schedule is due, or was to be; None when none ever is."""
    row = _NEXT_DUE.first(connection)
    return None if row is None else row[0]


def fired(connection: sa.Connection, rows: Iterable[ScheduleRow]) -> None:
    """Store what fire times change of schedules. The caller holds their locks."""
    changes = [{"at_number": row.number, "new_next_run": row.next_run, "new_last_run": row.last_run} for row in rows]
    if changes:
        connection.execute(_FIRED, changes)


_ALL: Final = sa.select(*SCHEDULES.c)
_MINE: Final = SCHEDULES.c.environment_number == sa.bindparam("of_environment")
_IS_DUE: Final = SCHEDULES.c.next_run <= sa.bindparam("now")
_INSERT: Final = sa.insert(SCHEDULES).returning(SCHEDULES.c.number)
_OF_ENVIRONMENT: Final = _ALL.where(_MINE).order_by(SCHEDULES.c.number)
_DELETE: Final = sa.delete(SCHEDULES).where(_MINE, SCHEDULES.c.id == sa.bindparam("schedule_id"))
_ENVIRONMENTS_DUE: Final = (
    sa.select(SCHEDULES.c.environment_number)
    .where(_IS_DUE)
    .group_by(SCHEDULES.c.environment_number)
    .order_by(sa.func.min(SCHEDULES.c.next_run))
    .limit(sa.bindparam("limit"))
)
_DUE_LOCKED: Final = (
    _ALL.where(_IS_DUE, SCHEDULES.c.environment_number.in_(sa.bindparam("numbers", expanding=True)))
    .order_by(SCHEDULES.c.number)
    .with_for_update()
)
_NEXT_DUE: Final = PointRead(
    sa.select(SCHEDULES.c.next_run).where(SCHEDULES.c.next_run.is_not(None)).order_by(SCHEDULES.c.next_run).limit(1)
)
_FIRED: Final = (
    sa.update(SCHEDULES)
    .where(SCHEDULES.c.number == sa.bindparam("at_number"))
    .values(next_run=sa.bindparam("new_next_run"), last_run=sa.bindparam("new_last_run"))
)
