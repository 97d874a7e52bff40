"""How many sessions and events there are, kept beside the rows: functions over a connection, part of the caller's
transaction. Whoever changes rows changes the counts in the same transaction.
"""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from server.database.additions import additions
from server.telemetry.tables import EVENT_COUNTS, SESSION_COUNTS
from switchyard.telemetry.v1.session_pb2 import Session

# Servers that share a Postgres rarely meet in one of so many rows. In SQLite there is one writer.
SHARDS: Final = {"sqlite": 1, "postgresql": 16}


class Group(NamedTuple):
    """Sessions that are counted together. `country` is empty for those without one."""

    status: Session.Status.ValueType
    country: str


@dataclass(slots=True)
class Change:
    """By how much a count changes; both may be negative."""

    sessions: int = 0
    duration_micros: int = 0


@dataclass(frozen=True, slots=True)
class Totals:
    """Sessions by status, the sum of all durations, and events."""

    active: int
    completed: int
    failed: int
    duration_micros: int
    events: int

    @property
    def sessions(self) -> int:
        """All sessions."""
        return self.active + self.completed + self.failed

    @property
    def success_percent(self) -> float:
        """Successful sessions of all of them, in percent to two places; 0 when there is none."""
        return round(100 * self.completed / self.sessions, 2) if self.sessions else 0.0


def change_sessions(connection: sa.Connection, changes: Mapping[Group, Change]) -> None:
    """Add `changes` to the counts of sessions."""
    rows = [
        {
            "status": group.status,
            "country": group.country,
            "sessions": one.sessions,
            "duration_micros": one.duration_micros,
        }
        for group, one in sorted(changes.items())
    ]
    _add(connection, _ADD_SESSIONS, rows)


def change_events(connection: sa.Connection, changes: Mapping[str, int]) -> None:
    """Add `changes` to the counts of events, which go by event type."""
    _add(connection, _ADD_EVENTS, [{"event_type": name, "events": count} for name, count in sorted(changes.items())])


def read_totals(connection: sa.Connection) -> Totals:
    """Return the totals over everything."""
    by_status = {row.status: row for row in connection.execute(_BY_STATUS)}
    sessions = {status: int(row.sessions) for status, row in by_status.items()}
    return Totals(
        active=sessions.get(Session.STATUS_ACTIVE, 0),
        completed=sessions.get(Session.STATUS_COMPLETED, 0),
        failed=sessions.get(Session.STATUS_FAILED, 0),
        duration_micros=sum(int(row.duration_micros) for row in by_status.values()),
        events=int(connection.execute(_ALL_EVENTS).scalar_one()),
    )


def count_sessions(
    connection: sa.Connection, *, status: Session.Status.ValueType | None = None, country: str | None = None
) -> int:
    """Return how many sessions there are, of one status or country if given."""
    given = {"status": status, "country": country}
    names = tuple(name for name, value in given.items() if value is not None)
    return int(connection.execute(_SESSIONS_OF[names], {f"of_{name}": given[name] for name in names}).scalar_one())


def count_events(connection: sa.Connection, event_type: str | None = None) -> int:
    """Return how many events there are, of one type if given."""
    if event_type is None:
        return int(connection.execute(_ALL_EVENTS).scalar_one())
    return int(connection.execute(_EVENTS_OF_TYPE, {"of_type": event_type}).scalar_one())


def _add(connection: sa.Connection, statements: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> None:
    dialect = connection.dialect.name
    shard = random.randrange(SHARDS[dialect])  # noqa: S311 - spreads load, hides nothing
    parameters = [{**row, "shard": shard} for row in rows]
    if parameters:
        connection.execute(statements[dialect], parameters)


_ADD_SESSIONS: Final = additions(SESSION_COUNTS, ("sessions", "duration_micros"))
_ADD_EVENTS: Final = additions(EVENT_COUNTS, ("events",))
_BY_STATUS: Final = sa.select(
    SESSION_COUNTS.c.status,
    sa.func.sum(SESSION_COUNTS.c.sessions).label("sessions"),
    sa.func.sum(SESSION_COUNTS.c.duration_micros).label("duration_micros"),
).group_by(SESSION_COUNTS.c.status)
_ALL_EVENTS: Final = sa.select(sa.func.coalesce(sa.func.sum(EVENT_COUNTS.c.events), 0))
_EVENTS_OF_TYPE: Final = _ALL_EVENTS.where(EVENT_COUNTS.c.event_type == sa.bindparam("of_type"))
# By the columns that are asked for.
_SESSIONS_OF: Final[Mapping[tuple[str, ...], sa.Select[Any]]] = {
    names: sa.select(sa.func.coalesce(sa.func.sum(SESSION_COUNTS.c.sessions), 0)).where(
        *(SESSION_COUNTS.c[name] == sa.bindparam(f"of_{name}") for name in names)
    )
    for names in ((), ("status",), ("country",), ("status", "country"))
}
