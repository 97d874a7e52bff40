"""Where events are kept: functions over a connection, each part of its caller's transaction.

Many events are stored by a few statements. Whatever an event adds to (its session, the counts, the latency of the
proxy) is changed in the same transaction.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from google.protobuf.message import Message

from server.clock import SECOND
from server.database.point_read import PointRead
from server.database.text import storable
from server.errors import InvalidArgument, NotFound, SwitchyardError
from server.rpc.bounds import compile_check
from server.telemetry.events import details
from server.telemetry.paging import Place, span_of
from server.telemetry.proxies import proxy_store
from server.telemetry.sessions import session_store
from server.telemetry.sessions.session_store import KnownSession
from server.telemetry.statistics import counts
from server.telemetry.tables import BROWSER_SESSIONS, SESSION_EVENTS
from switchyard.telemetry.v1.event_service_pb2 import LogEventRequest
from switchyard.telemetry.v1.session_pb2 import Event, NewEvent

# Source: google/protobuf/timestamp.proto; times end with the year 9999.
_YEAR_10000: Final = 253_402_300_800


class EventDraft(NamedTuple):
    """An event to be stored: `details` is JSON text, times are micros."""

    session_id: str
    event_type: str
    time: int
    load_time_micros: int | None
    details: str


# A third of the time that the class itself takes, for each of many events.
_draft: Final[Callable[[tuple[str, str, int, int | None, str]], EventDraft]] = partial(tuple.__new__, EventDraft)


class StoredEvent(NamedTuple):
    """An event as it is stored: `details` is JSON text, `time` is micros."""

    id: int
    session_id: str
    event_type: str
    time: int
    details: str


@dataclass(frozen=True, slots=True)
class Filters:
    """Which events; None matches everything."""

    event_type: str | None = None
    session_id: str | None = None


class Page(NamedTuple):
    """A page of events, newest first, how many match in all, and whether there are more behind it."""

    events: list[StoredEvent]
    total: int
    more: bool


_check: Final[Callable[[Message], None] | None] = compile_check(NewEvent.DESCRIPTOR)


def checked(event: NewEvent) -> NewEvent:
    """Return `event`, which nobody has looked at yet, if it is within the bounds of the contract.

    Raises:
        InvalidArgument: a field is out of bounds.
    """
    if _check is not None:
        _check(event)
    return event


def from_message(event: NewEvent | LogEventRequest, *, now: int) -> EventDraft:
    """Return an event within the bounds of the contract as it is stored; without a time it happened `now`.

    Raises:
        TooLarge: its details have more than 64 KiB as JSON.
        InvalidArgument: the time lies outside of the years 1970 to 9999.
    """
    text = details.checked(event.details)
    time = _time(event) if event.HasField("event_time") else now
    return _draft((storable(event.session_id), event.event_type, time, details.load_time_micros(text), text))


def to_message(event: StoredEvent) -> Event:
    """Return `event` as the contract shows it."""
    message = Event(id=event.id, session_id=event.session_id, event_type=event.event_type, details=event.details)
    seconds, rest = divmod(event.time, SECOND)
    message.timestamp.seconds = seconds
    message.timestamp.nanos = rest * 1_000
    return message


def stored(drafts: Sequence[EventDraft], outcomes: Sequence[int | SwitchyardError]) -> Iterator[StoredEvent]:
    """Yield those of `drafts` that `append` has stored; `outcomes` is what it returned."""
    for draft, outcome in zip(drafts, outcomes, strict=True):
        if isinstance(outcome, int):
            yield StoredEvent(outcome, draft.session_id, draft.event_type, draft.time, draft.details)


def append(connection: sa.Connection, drafts: Sequence[EventDraft], *, now: int) -> Sequence[int | SwitchyardError]:
    """Store events in their order and return for each its number, or why it cannot be stored."""
    session_ids = [draft.session_id for draft in drafts]
    known = session_store.find_numbers(connection, set(session_ids))
    accepted = [draft for draft in drafts if draft.session_id in known]
    ids = _reserve(connection, len(accepted))
    if accepted:
        columns = _Columns(*zip(*accepted, strict=True))
        for sql, parameters in _inserts(connection.dialect.name, _row_values(ids, known, columns)):
            connection.exec_driver_sql(sql, parameters)
        _count(connection, known, columns, now)
    if len(accepted) == len(drafts):
        return ids
    given = iter(ids)
    return [next(given) if session_id in known else _unknown(session_id) for session_id in session_ids]


def remove_of_session(connection: sa.Connection, number: int, limit: int) -> int:
    """Remove the oldest events of session number `number`, at most `limit`, and return how many there were.

    The session, the counts and the proxy then hold what is left.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK, {"of_number": number})
    rows = connection.execute(_OLDEST, {"of_session": number, "most": limit}).all()
    if not rows:
        return 0
    connection.execute(_REMOVE, {"of_session": number, "last_id": rows[-1].id})
    loads = [row.load_time_micros for row in rows if row.load_time_micros is not None]
    change = {"events": -len(rows), "micros": -sum(loads), "loads": -len(loads)}
    connection.execute(_SHRINK, {"of_number": number, **change})
    counts.change_events(connection, {name: -count for name, count in Counter(row.event_type for row in rows).items()})
    proxy = connection.execute(_PROXY, {"of_number": number}).scalar()
    if proxy is not None and loads:
        proxy_store.loads_observed(connection, {proxy: (-sum(loads), -len(loads))})
    return len(rows)


def page(connection: sa.Connection, filters: Filters, place: Place) -> Page:
    """Return the page at `place` of the events that match."""
    total = _total(connection, filters)
    ids = _ids(filters)
    if place.before is not None:
        behind = ids.where(SESSION_EVENTS.c.id < place.before).order_by(_NEWEST).limit(place.per_page + 1)
        found = [row.id for row in connection.execute(behind)]
        return Page(_by_ids(connection, found[: place.per_page]), total, len(found) > place.per_page)
    span = span_of(place, total)
    if not span.limit:
        return Page([], total, more=False)
    order = SESSION_EVENTS.c.id if span.from_oldest else _NEWEST
    found = [row.id for row in connection.execute(ids.order_by(order).limit(span.limit).offset(span.offset))]
    return Page(_by_ids(connection, found), total, place.offset + span.limit < total)


def after(
    connection: sa.Connection, filters: Filters, number: int, *, limit: int, last: int | None = None
) -> list[StoredEvent]:
    """Return at most `limit` events that match and have a number above `number`, up to `last`, oldest first."""
    behind = _ids(filters).where(SESSION_EVENTS.c.id > number)
    if last is not None:
        behind = behind.where(SESSION_EVENTS.c.id <= last)
    found = behind.order_by(SESSION_EVENTS.c.id).limit(limit)
    rows = connection.execute(_EVENTS.where(SESSION_EVENTS.c.id.in_(found)).order_by(SESSION_EVENTS.c.id))
    return [StoredEvent(*row) for row in rows]


def newest_id(connection: sa.Connection) -> int:
    """Return the number of the newest event, 0 when there is none."""
    return int(connection.execute(_NEWEST_ID).scalar_one())


def _time(event: NewEvent | LogEventRequest) -> int:
    timestamp = event.event_time
    seconds, nanos = timestamp.seconds, timestamp.nanos
    if not 0 <= seconds < _YEAR_10000 or not 0 <= nanos < 1_000 * SECOND:
        raise InvalidArgument.field("event_time", "must lie in the years 1970 to 9999")
    return seconds * SECOND + nanos // 1_000


def _unknown(session_id: str) -> NotFound:
    return NotFound(f"session_id {session_id!r} is not known", session_id=session_id)


def _reserve(connection: sa.Connection, count: int) -> Sequence[int]:
    """Return `count` numbers that follow all numbers given before."""
    if connection.dialect.name == "postgresql":
        return sorted(connection.execute(_NEXT_IDS, {"count": count}).scalars())
    row = _LAST_ID.first(connection, table_name=SESSION_EVENTS.name)
    first = (row[0] if row is not None else 0) + 1
    return range(first, first + count)


class _Columns(NamedTuple):
    """Drafts, at least one, turned on their side: what is done to a column costs less than to each row."""

    session_ids: Sequence[str]
    event_types: Sequence[str]
    times: Sequence[int]
    load_times_micros: Sequence[int | None]
    details: Sequence[str]


def _row_values(ids: Sequence[int], known: Mapping[str, KnownSession], columns: _Columns) -> list[Any]:
    """Return the values of all rows in a row, in the order of `_COLUMNS`."""
    values: list[Any] = [None] * (len(ids) * len(_COLUMNS))
    numbers = [known[session_id].number for session_id in columns.session_ids]
    for at, column in enumerate((ids, numbers, *columns[1:])):
        values[at :: len(_COLUMNS)] = column
    return values


def _count(connection: sa.Connection, known: Mapping[str, KnownSession], columns: _Columns, now: int) -> None:
    """Add events that were stored just now to everything that counts them."""
    loads: defaultdict[str, list[int]] = defaultdict(list)
    for session_id, micros in zip(columns.session_ids, columns.load_times_micros, strict=True):
        if micros is not None:
            loads[session_id].append(micros)
    changes = [
        {
            "of_number": known[session_id].number,
            "events": count,
            "micros": sum(loads.get(session_id, ())),
            "loads": len(loads.get(session_id, ())),
            "now": now,
        }
        for session_id, count in Counter(columns.session_ids).items()
    ]
    # In one order everywhere, so that units of work never wait for one another in a ring.
    connection.execute(_GROW, sorted(changes, key=itemgetter("of_number")))
    counts.change_events(connection, Counter(columns.event_types))
    proxy_store.loads_observed(connection, _of_proxies(known, loads))


def _of_proxies(known: Mapping[str, KnownSession], loads: Mapping[str, Sequence[int]]) -> Mapping[str, tuple[int, int]]:
    """Return sum and number of the load times of each proxy, by url; `loads` holds those of each session."""
    by_proxy: defaultdict[str, list[int]] = defaultdict(list)
    for session_id, micros in loads.items():
        proxy = known[session_id].proxy
        if proxy is not None:
            by_proxy[proxy] += micros
    return {url: (sum(micros), len(micros)) for url, micros in by_proxy.items()}


def _total(connection: sa.Connection, filters: Filters) -> int:
    if filters.session_id is None:
        return counts.count_events(connection, filters.event_type)
    if filters.event_type is None:
        return connection.execute(_EVENT_COUNT, {"session_id": storable(filters.session_id)}).scalar() or 0
    matching = _ids(filters).subquery()
    return connection.execute(sa.select(sa.func.count()).select_from(matching)).scalar_one()


def _ids(filters: Filters) -> sa.Select[tuple[int]]:
    """Query the numbers of the events that match; all it reads stands in an index."""
    query = sa.select(SESSION_EVENTS.c.id)
    if filters.event_type is not None:
        query = query.where(SESSION_EVENTS.c.event_type == filters.event_type)
    if filters.session_id is not None:
        session = sa.select(BROWSER_SESSIONS.c.number).where(BROWSER_SESSIONS.c.id == storable(filters.session_id))
        query = query.where(SESSION_EVENTS.c.session_number == session.scalar_subquery())
    return query


def _by_ids(connection: sa.Connection, ids: Sequence[int]) -> list[StoredEvent]:
    """Return the events of these numbers, newest first."""
    rows = connection.execute(_EVENTS.where(SESSION_EVENTS.c.id.in_(ids)).order_by(_NEWEST))
    return [StoredEvent(*row) for row in rows]


_COLUMNS: Final = ("id", "session_number", "event_type", "time", "load_time_micros", "details")
# Rows in one statement; see `server.tasks.log_store`, where many rows in a statement were found to be the fastest way.
_CHUNKS: Final = (500, 50, 5, 1)


def _inserts(dialect: str, values: Sequence[Any]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield statements, and the parameters of each, that store rows; `values` are those of all rows in a row."""
    start = 0
    for size in _CHUNKS:
        sql, width = _INSERTS[dialect, size], size * len(_COLUMNS)
        while len(values) - start >= width:
            yield sql, tuple(values[start : start + width])
            start += width


def _insert_sql(dialect: str, size: int) -> str:
    width = len(_COLUMNS)
    marks = [f"${n + 1}" if dialect == "postgresql" else "?" for n in range(size * width)]
    values = ", ".join(f"({', '.join(marks[n : n + width])})" for n in range(0, size * width, width))
    return f"INSERT INTO session_events ({', '.join(_COLUMNS)}) VALUES {values}"  # noqa: S608 - all of it is ours


_INSERTS: Final = {
    (dialect, size): _insert_sql(dialect, size) for dialect in ("sqlite", "postgresql") for size in _CHUNKS
}

_NEWEST: Final = SESSION_EVENTS.c.id.desc()
_EVENTS: Final = sa.select(
    SESSION_EVENTS.c.id,
    BROWSER_SESSIONS.c.id.label("session_id"),
    SESSION_EVENTS.c.event_type,
    SESSION_EVENTS.c.time,
    SESSION_EVENTS.c.details,
).join(BROWSER_SESSIONS, BROWSER_SESSIONS.c.number == SESSION_EVENTS.c.session_number)

# Waits for those who store events of the session, and they wait for it.
_LOCK: Final = (
    sa.select(BROWSER_SESSIONS.c.number).where(BROWSER_SESSIONS.c.number == sa.bindparam("of_number")).with_for_update()
)
_SQLITE_SEQUENCE: Final = sa.table("sqlite_sequence", sa.column("name", sa.Text), sa.column("seq", sa.Integer))
_LAST_ID: Final = PointRead(
    sa.select(_SQLITE_SEQUENCE.c.seq).where(_SQLITE_SEQUENCE.c.name == sa.bindparam("table_name"))
)
_NEXT_IDS: Final = sa.text("SELECT nextval('session_events_id_seq') FROM generate_series(1, :count)")

_CHANGED: Final = {
    "event_count": BROWSER_SESSIONS.c.event_count + sa.bindparam("events"),
    "load_time_micros": BROWSER_SESSIONS.c.load_time_micros + sa.bindparam("micros"),
    "load_count": BROWSER_SESSIONS.c.load_count + sa.bindparam("loads"),
}
_SHRINK: Final = (
    sa.update(BROWSER_SESSIONS).where(BROWSER_SESSIONS.c.number == sa.bindparam("of_number")).values(_CHANGED)
)
# What counts is when a session was heard of. What its client says of the time may be anything.
_GROW: Final = _SHRINK.values(last_event_time=sa.bindparam("now"))
_NEWEST_ID: Final = sa.select(sa.func.coalesce(sa.func.max(SESSION_EVENTS.c.id), 0))
_EVENT_COUNT: Final = sa.select(BROWSER_SESSIONS.c.event_count).where(
    BROWSER_SESSIONS.c.id == sa.bindparam("session_id")
)
_PROXY: Final = sa.select(BROWSER_SESSIONS.c.proxy).where(BROWSER_SESSIONS.c.number == sa.bindparam("of_number"))
_OF_SESSION: Final = SESSION_EVENTS.c.session_number == sa.bindparam("of_session")
_OLDEST: Final = (
    sa.select(SESSION_EVENTS.c.id, SESSION_EVENTS.c.event_type, SESSION_EVENTS.c.load_time_micros)
    .where(_OF_SESSION)
    .order_by(SESSION_EVENTS.c.id)
    .limit(sa.bindparam("most"))
)
_REMOVE: Final = sa.delete(SESSION_EVENTS).where(_OF_SESSION, SESSION_EVENTS.c.id <= sa.bindparam("last_id"))
