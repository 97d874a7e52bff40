"""Pages of numbered rows: where they lie, seen from the nearer end, and cursors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import InvalidArgument
from server.telemetry.paging import Place, Span, cursor_at, place_of, span_of
from switchyard.telemetry.v1.session_service_pb2 import ListSessionsRequest


@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 100))
def test_a_page_is_the_same_from_either_end(page: int, per_page: int, total: int) -> None:
    newest_first = list(range(total, 0, -1))
    place = Place(page, per_page)

    span = span_of(place, total)

    rows = newest_first[::-1] if span.from_oldest else newest_first
    read = rows[span.offset : span.offset + span.limit]
    assert (read[::-1] if span.from_oldest else read) == newest_first[place.offset : place.offset + per_page]
    assert span.offset <= total / 2 or span.limit == 0


@pytest.mark.parametrize(
    ("page", "span"),
    [
        (1, Span(0, 20, from_oldest=False)),
        (2, Span(20, 20, from_oldest=False)),
        (5, Span(0, 20, from_oldest=True)),
        # Nothing is to be read beyond the last one.
        (6, Span(0, 0, from_oldest=True)),
    ],
)
def test_far_pages_are_counted_from_the_oldest_row(page: int, span: Span) -> None:
    assert span_of(Place(page, 20), 100) == span


def test_a_cursor_leads_on_behind_its_row() -> None:
    place = place_of(ListSessionsRequest(cursor=cursor_at(7), page=3), default_per_page=20)

    assert (place.before, place.offset, place.per_page) == (7, 0, 20)


@pytest.mark.parametrize("cursor", ["7", "n", "n0", "n-1", "n07", "n1 ", "n1\n", "N1", "n٣", "n" + "9" * 19, "x"])
def test_any_other_text_is_no_cursor(cursor: str) -> None:
    with pytest.raises(InvalidArgument, match="cursor must be the next_cursor of an earlier page"):
        place_of(ListSessionsRequest(cursor=cursor), default_per_page=20)


def test_the_defaults_are_the_first_page_of_the_default_size() -> None:
    assert place_of(ListSessionsRequest(), default_per_page=50) == Place(page=1, per_page=50)
