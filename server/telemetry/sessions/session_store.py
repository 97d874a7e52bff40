"""Where sessions are kept: functions over a connection, each part of its caller's transaction.

A session that comes, ends or goes changes the search, the counts and the figures of its proxy in the same transaction,
in this order everywhere: what all wait for is held shortest.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from server.database.point_read import PointRead
from server.database.text import storable
from server.errors import AlreadyExists, NotFound, SessionEnded
from server.telemetry.proxies import proxy_store
from server.telemetry.proxies.proxy_store import ProxyFigures
from server.telemetry.sessions import search
from server.telemetry.statistics import counts
from server.telemetry.statistics.counts import Change, Group
from server.telemetry.tables import BROWSER_SESSIONS
from switchyard.telemetry.v1.session_pb2 import Session


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One session. Times and durations are micros; None where unset, `site` empty where there is none."""

    number: int
    id: str
    profile_id: str
    device: str | None
    target_url: str | None
    site: str
    proxy: str | None
    country: str | None
    start_time: int
    end_time: int | None
    duration_micros: int | None
    success: bool | None
    error: str | None
    status: Session.Status.ValueType
    event_count: int
    last_event_time: int | None
    load_time_micros: int
    load_count: int
    search_text: str

    @property
    def group(self) -> Group:
        """What it is counted with."""
        return Group(self.status, self.country or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSession:
    """A session to be registered. `proxy` and `target_url` hold no credentials."""

    id: str
    profile_id: str
    device: str | None
    target_url: str | None
    site: str
    proxy: str | None
    country: str | None


class KnownSession(NamedTuple):
    """What whoever stores events has to know of their session."""

    number: int
    proxy: str | None


_BY_ID: Final = sa.select(*BROWSER_SESSIONS.c).where(BROWSER_SESSIONS.c.id == sa.bindparam("session_id"))
_POINT_READ: Final = PointRead(_BY_ID)


def _insert(insert: sqlite.Insert | postgresql.Insert) -> Any:
    return insert.on_conflict_do_nothing(index_elements=["id"]).returning(BROWSER_SESSIONS.c.number)


_INSERT: Final = {
    "sqlite": _insert(sqlite.insert(BROWSER_SESSIONS)),
    "postgresql": _insert(postgresql.insert(BROWSER_SESSIONS)),
}
_END: Final = (
    sa.update(BROWSER_SESSIONS)
    .where(
        BROWSER_SESSIONS.c.number == sa.bindparam("at_number"), BROWSER_SESSIONS.c.status == int(Session.STATUS_ACTIVE)
    )
    .values({name: sa.bindparam(name) for name in ("status", "end_time", "duration_micros", "success", "error")})
)
_KNOWN: Final = sa.select(BROWSER_SESSIONS.c.id, BROWSER_SESSIONS.c.number, BROWSER_SESSIONS.c.proxy)
# One statement for any number of ids, so that it is compiled once.
_KNOWN_BY_JSON: Final = str(
    _KNOWN.where(BROWSER_SESSIONS.c.id.in_(sa.text("SELECT value FROM json_each(?)"))).compile(
        dialect=sqlite.dialect(paramstyle="qmark")
    )
)
# Whoever stores something of a session keeps it from being removed until that is committed.
_KNOWN_BY_ARRAY: Final = _KNOWN.where(
    BROWSER_SESSIONS.c.id == sa.any_(sa.bindparam("ids", type_=postgresql.ARRAY(sa.Text())))
).with_for_update(read=True, key_share=True)
_HELD: Final = (
    sa.select(*BROWSER_SESSIONS.c)
    .where(BROWSER_SESSIONS.c.number.in_(sa.bindparam("numbers", expanding=True)))
    .order_by(BROWSER_SESSIONS.c.number)
    .with_for_update()
)
_DELETE: Final = sa.delete(BROWSER_SESSIONS).where(
    BROWSER_SESSIONS.c.number.in_(sa.bindparam("numbers", expanding=True))
)


def get(connection: sa.Connection, session_id: str) -> SessionRow | None:
    """Return the session, None when there is none of that id."""
    row = _POINT_READ.first(connection, session_id=storable(session_id))
    return None if row is None else SessionRow(*row)


def require(connection: sa.Connection, session_id: str) -> SessionRow:
    """Return the session.

    Raises:
        NotFound: there is none of that id.
    """
    row = get(connection, session_id)
    if row is None:
        raise NotFound("Session not found", session_id=session_id)
    return row


def find_numbers(connection: sa.Connection, ids: Collection[str]) -> dict[str, KnownSession]:
    """Return which of up to 1,000 sessions are known, by id, in a unit of work that stores something of them."""
    if connection.dialect.name == "sqlite":
        found: Iterable[Sequence[Any]] = connection.exec_driver_sql(_KNOWN_BY_JSON, (orjson.dumps(list(ids)).decode(),))
    else:
        found = connection.execute(_KNOWN_BY_ARRAY, {"ids": sorted({storable(one) for one in ids})})
    return {session_id: KnownSession(number, proxy) for session_id, number, proxy in found}


def register(connection: sa.Connection, new: NewSession, *, now: int) -> SessionRow:
    """Store a session that begins now and return it.

    Raises:
        AlreadyExists: there is or was one of that id.
    """
    values = _first_values(new, now=now)
    number = connection.execute(_INSERT[connection.dialect.name], values).scalar()
    if number is None:
        raise _taken(connection, new.id)
    row = SessionRow(number=number, **values)
    search.add(connection, row.number, row.search_text)
    if row.proxy is not None:
        proxy_store.session_started(connection, row.proxy, country=row.country, now=now)
    counts.change_sessions(connection, {row.group: Change(sessions=1)})
    return row


def end(
    connection: sa.Connection,
    session_id: str,
    *,
    success: bool,
    duration_micros: int | None,
    error: str | None,
    now: int,
) -> SessionRow:
    """End a session and return it as it is then. `duration_micros` None means from its registration until now.

    Raises:
        NotFound: there is none of that id.
        SessionEnded: it has ended before.
    """
    active = require(connection, session_id)
    ended = replace(
        active,
        status=Session.STATUS_COMPLETED if success else Session.STATUS_FAILED,
        end_time=now,
        duration_micros=max(0, now - active.start_time) if duration_micros is None else duration_micros,
        success=success,
        error=error,
    )
    # Two ends at once both find it active; only one of them changes the row.
    if active.status != Session.STATUS_ACTIVE or not _changed_to(connection, ended):
        raise SessionEnded(f"session {session_id!r} has already ended", session_id=session_id)
    if ended.proxy is not None:
        proxy_store.session_ended(connection, ended.proxy, site=ended.site, success=success, now=now)
    counts.change_sessions(
        connection, {active.group: Change(sessions=-1), ended.group: Change(1, ended.duration_micros or 0)}
    )
    return ended


def remove(connection: sa.Connection, numbers: Sequence[int]) -> int:
    """Remove sessions, whose events are gone already, with all that is counted of them; return how many there were."""
    rows = [SessionRow(*row) for row in connection.execute(_HELD, {"numbers": list(numbers)})]
    if not rows:
        return 0
    search.remove(connection, [(row.number, row.search_text) for row in rows])
    connection.execute(_DELETE, {"numbers": [row.number for row in rows]})
    proxy_store.sessions_removed(connection, _proxy_figures(rows))
    gone: defaultdict[Group, Change] = defaultdict(Change)
    for row in rows:
        gone[row.group].sessions -= 1
        gone[row.group].duration_micros -= row.duration_micros or 0
    counts.change_sessions(connection, gone)
    return len(rows)


def _first_values(new: NewSession, *, now: int) -> dict[str, Any]:
    return {
        "id": new.id,
        "profile_id": new.profile_id,
        "device": new.device,
        "target_url": new.target_url,
        "site": new.site,
        "proxy": new.proxy,
        "country": new.country,
        "start_time": now,
        "end_time": None,
        "duration_micros": None,
        "success": None,
        "error": None,
        "status": Session.STATUS_ACTIVE,
        "event_count": 0,
        "last_event_time": None,
        "load_time_micros": 0,
        "load_count": 0,
        "search_text": search.search_text(new.id, new.profile_id, new.proxy),
    }


def _taken(connection: sa.Connection, session_id: str) -> AlreadyExists:
    row = get(connection, session_id)
    ended = row is not None and row.status != Session.STATUS_ACTIVE
    return AlreadyExists(f"session {session_id!r} {'has ended' if ended else 'is active'}", session_id=session_id)


def _changed_to(connection: sa.Connection, ended: SessionRow) -> bool:
    """Write the end of a session; False when it has ended before or is gone."""
    values = {
        "at_number": ended.number,
        "status": int(ended.status),
        "end_time": ended.end_time,
        "duration_micros": ended.duration_micros,
        "success": ended.success,
        "error": ended.error,
    }
    return connection.execute(_END, values).rowcount == 1


def _proxy_figures(rows: Iterable[SessionRow]) -> Mapping[str, ProxyFigures]:
    """What `rows` have added to the figures of their proxies."""
    of_proxy: defaultdict[str, list[SessionRow]] = defaultdict(list)
    for row in rows:
        if row.proxy is not None:
            of_proxy[row.proxy].append(row)
    return {
        proxy: ProxyFigures(
            uses=len(used),
            successes=sum(row.success is True for row in used),
            failures=sum(row.success is False for row in used),
            load_time_micros=sum(row.load_time_micros for row in used),
            load_count=sum(row.load_count for row in used),
        )
        for proxy, used in of_proxy.items()
    }
