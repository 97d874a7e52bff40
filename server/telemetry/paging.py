"""Pages of long lists whose rows are numbered: by page number, or by a cursor. Pure."""

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from server.errors import InvalidArgument
from server.paging import page_count
from switchyard.telemetry.v1.event_service_pb2 import ListEventsRequest
from switchyard.telemetry.v1.session_service_pb2 import ListSessionsRequest

__all__ = ["Place", "Span", "cursor_at", "page_count", "place_of", "span_of"]

# So many rows of a small index are skipped in less time than a hop to a thread takes.
SHORT_OFFSET: Final = 2_000

_CURSOR: Final = re.compile(r"n([1-9][0-9]{0,17})", re.ASCII)

PagedRequest = ListSessionsRequest | ListEventsRequest


@dataclass(frozen=True, slots=True)
class Place:
    """Which page is asked for, newest first: number `page`, or what lies behind row number `before`."""

    page: int
    per_page: int
    before: int | None = None

    @property
    def offset(self) -> int:
        """Rows to skip; none behind a cursor."""
        return 0 if self.before is not None else (self.page - 1) * self.per_page

    @property
    def near(self) -> bool:
        """Whether the page is found in no time."""
        return self.offset <= SHORT_OFFSET


class Span(NamedTuple):
    """Rows to read: `limit` of them behind `offset`, counted from the oldest one or from the newest."""

    offset: int
    limit: int
    from_oldest: bool


def place_of(request: PagedRequest, *, default_per_page: int) -> Place:
    """Return which page `request` asks for.

    Raises:
        InvalidArgument: its cursor is none of ours.
    """
    return Place(
        page=request.page if request.HasField("page") else 1,
        per_page=request.per_page if request.HasField("per_page") else default_per_page,
        before=_number_at(request.cursor) if request.cursor else None,
    )


def cursor_at(number: int) -> str:
    """Return the cursor behind the row of that number."""
    return f"n{number}"


def _number_at(cursor: str) -> int:
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise InvalidArgument.field("cursor", "must be the next_cursor of an earlier page")
    return int(match[1])


def span_of(place: Place, total: int) -> Span:
    """Return where the page lies among `total` rows, seen from the nearer end. Its limit is 0 beyond the last row."""
    limit = max(0, min(place.per_page, total - place.offset))
    from_oldest = total - place.offset - limit
    if 0 <= from_oldest < place.offset:
        return Span(from_oldest, limit, from_oldest=True)
    return Span(place.offset, limit, from_oldest=False)
