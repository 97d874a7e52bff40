"""Lists of sessions, newest first: by status, country and search in any combination.

What a page costs does not grow with its distance from the newest session: its numbers are found in an index that holds
little else, then its rows are read.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any, Final

import orjson
import sqlalchemy as sa

from server.telemetry.paging import Place, Span, span_of
from server.telemetry.sessions import search
from server.telemetry.sessions.session_store import SessionRow
from server.telemetry.statistics import counts
from server.telemetry.tables import BROWSER_SESSIONS
from switchyard.telemetry.v1.session_pb2 import Session

# Searches are counted up to this.
COUNTED: Final = 10_000
# What so large a part of the sessions has is found sooner by a look at one after the other than by the index of the
# search.
COMMON: Final = 0.3
# A group that is no larger a part of all sessions is listed in less time than its sessions are looked up one by one.
SMALL: Final = 0.2
# So few sessions of one status or country are compared one by one in less time than the index of the search takes.
FEW: Final = 5_000


@dataclass(frozen=True, slots=True)
class Filters:
    """Which sessions a list holds. What is None or empty matches everything; `search` is any text."""

    status: Session.Status.ValueType | None = None
    country: str | None = None
    search: str = ""

    @property
    def grouped(self) -> bool:
        """Whether they ask for a status or country."""
        return self.status is not None or self.country is not None


@dataclass(frozen=True, slots=True)
class Found:
    """A page of sessions, how many there are in all or at least, and whether some are behind the page."""

    rows: Sequence[SessionRow]
    total: int
    total_is_minimum: bool
    more: bool


class Way(Enum):
    """How the sessions that hold a text are found: one after the other is looked at, or the index of the search has
    them, and the status and country of each is looked up or is in a list made beforehand.
    """

    ROWS = 1
    INDEX = 2
    INDEX_IN_LIST = 3


@dataclass(frozen=True, slots=True)
class Shape:
    """What kind of query finds the numbers. `index`: by the index of the search. `compared`: text by text.

    `listed`: the sessions of the status and country are listed beforehand.
    `as_text`: all of them in one row, as a JSON list; to fetch rows would take longer than to find them.
    """

    dialect: str
    status: bool
    country: bool
    before: bool
    index: bool = False
    compared: bool = False
    listed: bool = False
    oldest_first: bool = False
    as_text: bool = False


def read_page(connection: sa.Connection, filters: Filters, place: Place) -> Found:
    """Return a page of the sessions that pass the filters."""
    if filters.search:
        return _searched(connection, filters, place)
    total = counts.count_sessions(connection, status=filters.status, country=filters.country)
    if place.before is None:
        numbers = _numbers(connection, filters, span_of(place, total))
        more = place.offset + len(numbers) < total
    else:
        numbers = _numbers(connection, filters, Span(0, place.per_page + 1, from_oldest=False), before=place.before)
        more = len(numbers) > place.per_page
    return Found(_rows(connection, numbers[: place.per_page]), total, total_is_minimum=False, more=more)


def read_before(connection: sa.Connection, filters: Filters, before: int | None, *, limit: int) -> list[SessionRow]:
    """Return the newest `limit` sessions that pass the filters and have a lower number than `before`, if given."""
    span = Span(0, limit, from_oldest=False)
    return _rows(connection, _numbers(connection, filters, span, before=before))


def _searched(connection: sa.Connection, filters: Filters, place: Place) -> Found:
    numbers = _newest(connection, filters)
    many = len(numbers) > COUNTED
    # `numbers` falls.
    start = place.offset if place.before is None else bisect_left(numbers, -place.before + 1, key=lambda one: -one)
    page = numbers[start : start + place.per_page + 1]
    if many and len(page) <= place.per_page:
        # What was found need not be found again.
        known = min(start, len(numbers)) if place.before is None else 0
        span = Span(place.offset - known, place.per_page + 1, from_oldest=False)
        page = _numbers(connection, filters, span, before=numbers[known - 1] if known else place.before)
    rows = _rows(connection, page[: place.per_page])
    return Found(rows, min(len(numbers), COUNTED), total_is_minimum=many, more=len(page) > place.per_page)


def _numbers(connection: sa.Connection, filters: Filters, span: Span, *, before: int | None = None) -> list[int]:
    """The numbers of the sessions in `span`, newest first."""
    if span.limit == 0:
        return []
    query, parameters = _compose(connection, filters, span, before)
    numbers: list[int] = list(connection.execute(query, parameters).scalars())
    return numbers[::-1] if span.from_oldest else numbers


def _newest(connection: sa.Connection, filters: Filters) -> list[int]:
    """The numbers of the newest sessions that pass the filters, one more than are counted."""
    span = Span(0, COUNTED + 1, from_oldest=False)
    query, parameters = _compose(connection, filters, span, None, as_text=True)
    return sorted(orjson.loads(connection.execute(query, parameters).scalar_one() or "[]"), reverse=True)


def _compose(
    connection: sa.Connection, filters: Filters, span: Span, before: int | None, *, as_text: bool = False
) -> tuple[sa.Select[Any], dict[str, Any]]:
    """The query for the numbers in `span` and its parameters."""
    needle = search.fold(filters.search)
    way = _way(connection, filters, needle) if needle else Way.ROWS
    index = way is not Way.ROWS
    shape = Shape(
        dialect=connection.dialect.name,
        status=filters.status is not None,
        country=filters.country is not None,
        before=before is not None,
        index=index,
        listed=way is Way.INDEX_IN_LIST,
        compared=bool(needle) and not (index and len(needle) <= search.EXACT_LENGTH),
        oldest_first=span.from_oldest,
        as_text=as_text,
    )
    parameters: dict[str, Any] = {"offset": span.offset, "limit": span.limit, "before": before, "needle": needle}
    parameters |= {"status": filters.status, "country": filters.country}
    parameters |= {"terms": search.terms(connection, needle)} if index else {}
    return _query(shape), parameters


def _way(connection: sa.Connection, filters: Filters, needle: str) -> Way:
    """Return what finds `needle`, which is folded and not empty, in the least time.

    Before it gives the first session Postgres reads all that have the terms.
    """
    embedded = connection.dialect.name == "sqlite"
    if embedded and not filters.grouped and len(needle) <= search.EXACT_LENGTH:
        return Way.INDEX
    size = counts.count_sessions(connection, status=filters.status, country=filters.country)
    if filters.grouped and size <= FEW:
        return Way.ROWS
    group = _in_group(status=filters.status is not None, country=filters.country is not None)
    share = search.share(connection, needle, group, {"status": filters.status, "country": filters.country})
    if share >= COMMON:
        return Way.ROWS
    small = filters.grouped and size <= counts.count_sessions(connection) * SMALL
    return Way.INDEX_IN_LIST if embedded and small and share else Way.INDEX


@cache
def _query(shape: Shape) -> sa.Select[Any]:
    """The query for a range of numbers; its parameters are those of `_numbers`."""
    conditions = _conditions(shape)
    number: sa.ColumnElement[int] = BROWSER_SESSIONS.c.number
    if shape.index:
        number, found = search.lookup(shape.dialect)
        conditions = [found, *_of_session(shape, number)]
    if shape.before:
        conditions.append(number < sa.bindparam("before"))
    order = number.asc() if shape.oldest_first else number.desc()
    query = sa.select(number.label("number")).where(*conditions).order_by(order).limit(_LIMIT).offset(_OFFSET)
    if not shape.as_text:
        return query
    gather = sa.func.json_group_array if shape.dialect == "sqlite" else sa.func.json_agg
    return sa.select(sa.cast(gather(query.subquery().c.number), sa.Text()))


def _of_session(shape: Shape, number: sa.ColumnElement[int]) -> list[sa.ColumnElement[bool]]:
    """What is asked of the session that the index has found under `number`."""
    group = _in_group(status=shape.status, country=shape.country)
    listed = sa.select(BROWSER_SESSIONS.c.number).where(*group)
    conditions = _compared(shape) if shape.listed else _conditions(shape)
    # SQLite would look each number of a list up in the index, were it not for the sum.
    within: list[sa.ColumnElement[bool]] = [(number + 0).in_(listed)] if shape.listed else []
    return [*within, sa.exists().where(BROWSER_SESSIONS.c.number == number, *conditions)] if conditions else within


def _conditions(shape: Shape) -> list[sa.ColumnElement[bool]]:
    """What is asked of the row of a session."""
    return [*_in_group(status=shape.status, country=shape.country), *_compared(shape)]


def _compared(shape: Shape) -> list[sa.ColumnElement[bool]]:
    return [search.contains(shape.dialect)] if shape.compared else []


def _in_group(*, status: bool, country: bool) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if status:
        conditions.append(BROWSER_SESSIONS.c.status == sa.bindparam("status"))
    if country:
        conditions.append(BROWSER_SESSIONS.c.country == sa.bindparam("country"))
    return conditions


_LIMIT: Final = sa.bindparam("limit", type_=sa.BigInteger())
_OFFSET: Final = sa.bindparam("offset", type_=sa.BigInteger())
_BY_NUMBERS: Final = (
    sa.select(*BROWSER_SESSIONS.c)
    .where(BROWSER_SESSIONS.c.number.in_(sa.bindparam("numbers", expanding=True)))
    .order_by(BROWSER_SESSIONS.c.number.desc())
)


def _rows(connection: sa.Connection, numbers: Sequence[int]) -> list[SessionRow]:
    if not numbers:
        return []
    return [SessionRow(*row) for row in connection.execute(_BY_NUMBERS, {"numbers": list(numbers)})]
