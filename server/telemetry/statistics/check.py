"""Counts everything anew from the rows, and compares it with the totals that are kept beside them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import sqlalchemy as sa

from server.telemetry.tables import BROWSER_SESSIONS, EVENT_COUNTS, PROXIES, SESSION_COUNTS, SESSION_EVENTS
from switchyard.telemetry.v1.session_pb2 import Session

# So many differences are told; more of them say nothing more.
TOLD: Final = 100

STATUS_WORDS: Final = {
    Session.STATUS_ACTIVE: "active",
    Session.STATUS_COMPLETED: "completed",
    Session.STATUS_FAILED: "failed",
}

# What is counted, in words -> how many.
Figures = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Difference:
    """A total that is not what its rows amount to."""

    what: str
    stored: int
    counted: int


@dataclass(frozen=True, slots=True)
class Findings:
    """How many totals were compared, and those that differ, at most `TOLD`."""

    compared: int
    differences: tuple[Difference, ...]


def check(connection: sa.Connection) -> Findings:
    """Compare every total. Reads all rows; `connection` must see one state of the database throughout."""
    compared = 0
    differences: list[Difference] = []
    for stored, counted in _pairs(connection):
        compared += len(stored.keys() | counted.keys())
        differences += islice(differing(stored, counted), TOLD - len(differences))
    return Findings(compared, tuple(differences))


def differing(stored: Figures, counted: Figures) -> Iterator[Difference]:
    """Yield what differs, in the order of its words. What is missing on one side is zero there."""
    for what in sorted(stored.keys() | counted.keys()):
        if stored.get(what, 0) != counted.get(what, 0):
            yield Difference(what, stored.get(what, 0), counted.get(what, 0))


def _pairs(connection: sa.Connection) -> Iterator[tuple[Figures, Figures]]:
    """Yield the stored and the counted figures of each kind."""
    yield _session_figures(connection.execute(_STORED_SESSIONS)), _session_figures(connection.execute(_SESSIONS))
    yield _event_figures(connection.execute(_STORED_EVENTS)), _event_figures(connection.execute(_EVENTS))
    yield _proxy_figures(connection.execute(_STORED_PROXIES)), _proxy_figures(connection.execute(_PROXIES))
    yield _within_sessions(connection)


def _session_figures(rows: Iterable[Any]) -> Figures:
    figures = {}
    for row in rows:
        words = f"sessions, status {STATUS_WORDS.get(row.status, row.status)}, country {row.country or 'unknown'}"
        figures[words] = int(row.sessions)
        figures[f"{words}: duration in micros"] = int(row.duration_micros or 0)
    return figures


def _event_figures(rows: Iterable[Any]) -> Figures:
    return {f"events, type {row.event_type}": int(row.events) for row in rows}


def _proxy_figures(rows: Iterable[Any]) -> Figures:
    return {
        f"proxy {row.url}: {name}": int(getattr(row, name) or 0)
        for row in rows
        for name in ("uses", "successes", "failures", "load_time_micros", "load_count")
    }


def _within_sessions(connection: sa.Connection) -> tuple[Figures, Figures]:
    """The figures of the sessions whose events amount to something else, at most `TOLD` of these."""
    rows = connection.execute(_WRONG_SESSIONS).all()
    names = ("event_count", "load_time_micros", "load_count")
    stored = {f"session {row.id}: {name}": int(getattr(row, name)) for row in rows for name in names}
    counted = {f"session {row.id}: {name}": int(getattr(row, f"counted_{name}")) for row in rows for name in names}
    return stored, counted


def _sum(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.sum(sa.case((condition, 1), else_=0))


_COUNTS, _ROWS = SESSION_COUNTS.c, BROWSER_SESSIONS.c
_COUNTRY: Final = sa.func.coalesce(_ROWS.country, "")

_STORED_SESSIONS: Final = sa.select(
    _COUNTS.status,
    _COUNTS.country,
    sa.func.sum(_COUNTS.sessions).label("sessions"),
    sa.func.sum(_COUNTS.duration_micros).label("duration_micros"),
).group_by(_COUNTS.status, _COUNTS.country)
_SESSIONS: Final = sa.select(
    _ROWS.status,
    _COUNTRY.label("country"),
    sa.func.count().label("sessions"),
    sa.func.sum(_ROWS.duration_micros).label("duration_micros"),
).group_by(_ROWS.status, _COUNTRY)
_STORED_EVENTS: Final = sa.select(
    EVENT_COUNTS.c.event_type, sa.func.sum(EVENT_COUNTS.c.events).label("events")
).group_by(EVENT_COUNTS.c.event_type)
_EVENTS: Final = sa.select(SESSION_EVENTS.c.event_type, sa.func.count().label("events")).group_by(
    SESSION_EVENTS.c.event_type
)
_STORED_PROXIES: Final = sa.select(PROXIES)
_PROXIES: Final = (
    sa.select(
        _ROWS.proxy.label("url"),
        sa.func.count().label("uses"),
        _sum(_ROWS.status == Session.STATUS_COMPLETED).label("successes"),
        _sum(_ROWS.status == Session.STATUS_FAILED).label("failures"),
        sa.func.sum(_ROWS.load_time_micros).label("load_time_micros"),
        sa.func.sum(_ROWS.load_count).label("load_count"),
    )
    .where(_ROWS.proxy.is_not(None))
    .group_by(_ROWS.proxy)
)
_BY_SESSION: Final = (
    sa.select(
        SESSION_EVENTS.c.session_number,
        sa.func.count().label("event_count"),
        sa.func.coalesce(sa.func.sum(SESSION_EVENTS.c.load_time_micros), 0).label("load_time_micros"),
        sa.func.count(SESSION_EVENTS.c.load_time_micros).label("load_count"),
    )
    .group_by(SESSION_EVENTS.c.session_number)
    .subquery()
)
_COUNTED: Final = {
    name: sa.func.coalesce(_BY_SESSION.c[name], 0).label(f"counted_{name}")
    for name in ("event_count", "load_time_micros", "load_count")
}
_WRONG_SESSIONS: Final = (
    sa.select(_ROWS.id, _ROWS.event_count, _ROWS.load_time_micros, _ROWS.load_count, *_COUNTED.values())
    .outerjoin_from(BROWSER_SESSIONS, _BY_SESSION, _BY_SESSION.c.session_number == _ROWS.number)
    .where(sa.or_(*(_ROWS[name] != counted.element for name, counted in _COUNTED.items())))
    .limit(TOLD)
)
