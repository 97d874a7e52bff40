"""Where entries of the audit log are kept. Functions over a Connection; times are micros."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from server.accounts.tables import AUDIT_ENTRIES
from server.rpc.audit import Entry
from switchyard.auth.v1.audit_service_pb2 import AuditEntry

# Denials that are kept, whatever their age: others decide how many there are.
MOST_DENIALS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry with its place, and how many calls it tells of."""

    number: int
    entry: Entry
    count: int


@dataclass(frozen=True, slots=True)
class Filters:
    """Which entries are wanted: those for which everything holds that is not None. `until` is excluded."""

    tenant_id: str | None = None
    actor: str | None = None
    action: str | None = None
    outcome: AuditEntry.Outcome.ValueType | None = None
    since: int | None = None
    until: int | None = None


def insert(connection: sa.Connection, entry: Entry) -> None:
    """Store the entry of one call. It stands in the way of every change, so the statement goes to the driver."""
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        driver.execute(_SQLITE_INSERT, _values(entry, count=1))
    else:
        connection.execute(_INSERT, _values(entry, count=1))


def insert_counted(connection: sa.Connection, entry: Entry, count: int) -> int:
    """Store the entry of `count` calls of one kind; return its place."""
    inserted = connection.execute(_INSERT.returning(AUDIT_ENTRIES.c.number), _values(entry, count=count))
    return int(inserted.scalar_one())


def add_count(connection: sa.Connection, number: int, count: int) -> None:
    """Let an entry tell of `count` calls more."""
    connection.execute(_ADD_COUNT, {"place": number, "more": count})


def newest(connection: sa.Connection, filters: Filters, *, before: int | None, limit: int) -> Sequence[StoredEntry]:
    """Return entries, the newest first; those before place `before`."""
    query = _wanted(filters).order_by(AUDIT_ENTRIES.c.number.desc()).limit(limit)
    if before is not None:
        query = query.where(AUDIT_ENTRIES.c.number < before)
    return [_stored(row) for row in connection.execute(query)]


def oldest(connection: sa.Connection, filters: Filters, *, behind: int, last: int, limit: int) -> Sequence[StoredEntry]:
    """Return entries, the oldest first; those behind place `behind`, up to place `last`."""
    within = (AUDIT_ENTRIES.c.number > behind, AUDIT_ENTRIES.c.number <= last)
    query = _wanted(filters).where(*within).order_by(AUDIT_ENTRIES.c.number).limit(limit)
    return [_stored(row) for row in connection.execute(query)]


def last_number(connection: sa.Connection) -> int:
    """Return the place of the newest entry, 0 when there is none."""
    return int(connection.execute(_LAST).scalar_one() or 0)


def remove_old(connection: sa.Connection, *, before: int, limit: int) -> int:
    """Remove entries from before that time, at most `limit` of them; return how many."""
    return connection.execute(_REMOVE_OLD, {"oldest": before, "most": limit}).rowcount


def remove_excess_denials(connection: sa.Connection, *, keep: int, limit: int) -> int:
    """Remove denials beyond the newest `keep`, at most `limit` of them; return how many."""
    return connection.execute(_REMOVE_DENIALS, {"kept": keep, "most": limit}).rowcount


def _wanted(filters: Filters) -> sa.Select[Any]:
    equal = (
        (AUDIT_ENTRIES.c.tenant_id, filters.tenant_id),
        (AUDIT_ENTRIES.c.actor, filters.actor),
        (AUDIT_ENTRIES.c.action, filters.action),
        (AUDIT_ENTRIES.c.outcome, filters.outcome),
    )
    query = sa.select(AUDIT_ENTRIES).where(*(column == value for column, value in equal if value is not None))
    if filters.since is not None:
        query = query.where(AUDIT_ENTRIES.c.time >= filters.since)
    if filters.until is not None:
        query = query.where(AUDIT_ENTRIES.c.time < filters.until)
    return query


def _stored(row: sa.Row[Any]) -> StoredEntry:
    entry = Entry(
        time=row.time,
        actor=row.actor,
        role=row.role,
        tenant_id=row.tenant_id,
        address=row.address,
        action=row.action,
        resource=row.resource,
        outcome=row.outcome,
        reason=row.reason,
        request_id=row.request_id,
    )
    return StoredEntry(row.number, entry, row.calls)


def _values(entry: Entry, *, count: int) -> dict[str, Any]:
    return dict(zip(_NAMES, (*_FIELDS(entry), count), strict=True))


def _some(condition: sa.ColumnElement[bool], order: sa.ColumnElement[Any]) -> sa.Select[Any]:
    return sa.select(AUDIT_ENTRIES.c.number).where(condition).order_by(order).limit(sa.bindparam("most"))


_FIELDS: Final = attrgetter(*(field.name for field in fields(Entry)))
_NAMES: Final = (*(field.name for field in fields(Entry)), "calls")
_INSERT: Final = sa.insert(AUDIT_ENTRIES)
_SQLITE_INSERT: Final = str(_INSERT.compile(dialect=sqlite.dialect(paramstyle="named"), column_keys=_NAMES))
_ADD_COUNT: Final = (
    sa.update(AUDIT_ENTRIES)
    .where(AUDIT_ENTRIES.c.number == sa.bindparam("place"))
    .values(calls=AUDIT_ENTRIES.c.calls + sa.bindparam("more"))
)
_LAST: Final = sa.select(sa.func.max(AUDIT_ENTRIES.c.number))
_REMOVE_OLD: Final = sa.delete(AUDIT_ENTRIES).where(
    AUDIT_ENTRIES.c.number.in_(_some(AUDIT_ENTRIES.c.time < sa.bindparam("oldest"), AUDIT_ENTRIES.c.time))
)
_DENIED: Final = AUDIT_ENTRIES.c.outcome == int(AuditEntry.OUTCOME_DENIED)
# The newest of those that have to go: all of them lie at or before it.
_FIRST_EXCESS: Final = (
    sa.select(AUDIT_ENTRIES.c.number)
    .where(_DENIED)
    .order_by(AUDIT_ENTRIES.c.number.desc())
    .offset(sa.bindparam("kept"))
    .limit(1)
    .scalar_subquery()
)
_REMOVE_DENIALS: Final = sa.delete(AUDIT_ENTRIES).where(
    AUDIT_ENTRIES.c.number.in_(_some(sa.and_(_DENIED, AUDIT_ENTRIES.c.number <= _FIRST_EXCESS), AUDIT_ENTRIES.c.number))
)
