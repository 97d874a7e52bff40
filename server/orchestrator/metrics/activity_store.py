"""What has happened, as rows: functions over a connection, part of the transaction in which it happens."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import sqlalchemy as sa

from server.database.point_read import PointWrite
from server.orchestrator.tables import ACTIVITY
from switchyard.orchestrator.v1.metrics_service_pb2 import ActivityEvent

# So many of the newest events are kept, and counted.
KEPT: Final = 100_000
# Events removed in one unit of work.
TRIM_LIMIT: Final = 2_000

Type: TypeAlias = ActivityEvent.Type.ValueType


@dataclass(frozen=True, slots=True)
class ActivityRow:
    """One event, in the order of the columns. `time` is micros."""

    number: int
    type: Type
    time: int
    tenant: str
    title: str
    details: str
    robot_id: str | None
    job_id: str | None


@dataclass(frozen=True, slots=True)
class Filters:
    """Which events: None stands for all. `since` is in micros and excluded."""

    tenant: str | None = None
    type: Type | None = None
    since: int | None = None


def add(
    connection: sa.Connection,
    type: Type,  # noqa: A002 - the word of the contract
    *,
    now: int,
    tenant: str,
    title: str,
    details: str,
    robot_id: str | None = None,
    job_id: str | None = None,
) -> None:
    """Keep one event. Callers of `tenant` see it, and those who see every tenant; "" is for these alone."""
    values = {
        "type": type,
        "time": now,
        "tenant": tenant,
        "title": title,
        "details": details,
        "robot_id": robot_id,
        "job_id": job_id,
    }
    _INSERT.execute(connection, values)


def newest(connection: sa.Connection, filters: Filters, *, limit: int) -> list[ActivityRow]:
    """Return at most `limit` events that pass `filters`, the newest first."""
    query = _filtered(sa.select(*ACTIVITY.c), filters).order_by(ACTIVITY.c.number.desc()).limit(limit)
    return [ActivityRow(*row) for row in connection.execute(query)]


def count(connection: sa.Connection, filters: Filters) -> int:
    """Return how many of the kept events pass `filters`."""
    query = _filtered(sa.select(sa.func.count()).select_from(ACTIVITY), filters)
    return min(int(connection.execute(query).scalar_one()), KEPT)


def trim(connection: sa.Connection) -> int:
    """Remove events that are too many, the oldest first, at most `TRIM_LIMIT`, and return how many."""
    last = connection.execute(_LAST_TOO_MANY).scalar()
    if last is None:
        return 0
    return connection.execute(_TRIM, {"last": last}).rowcount


def _filtered(query: sa.Select[Any], filters: Filters) -> sa.Select[Any]:
    conditions: Mapping[str, sa.ColumnElement[bool] | None] = {
        "tenant": None if filters.tenant is None else ACTIVITY.c.tenant == filters.tenant,
        "type": None if filters.type is None else ACTIVITY.c.type == filters.type,
        "since": None if filters.since is None else ACTIVITY.c.time > filters.since,
    }
    return query.where(*[condition for condition in conditions.values() if condition is not None])


_INSERT: Final = PointWrite(
    sa.insert(ACTIVITY), columns=("type", "time", "tenant", "title", "details", "robot_id", "job_id")
)
_LAST_TOO_MANY: Final = sa.select(ACTIVITY.c.number).order_by(ACTIVITY.c.number.desc()).offset(KEPT).limit(1)
_TRIM: Final = sa.delete(ACTIVITY).where(
    ACTIVITY.c.number <= sa.bindparam("last"),
    ACTIVITY.c.number.in_(sa.select(ACTIVITY.c.number).order_by(ACTIVITY.c.number).limit(TRIM_LIMIT)),
)
