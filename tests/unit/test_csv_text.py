"""CSV lines: quoting as RFC 4180 has it, and nothing a spreadsheet would run."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server import csv_text

TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "=", '=HYPERLINK("http://x")', "-"])
def test_a_cell_that_looks_like_a_formula_begins_with_an_apostrophe(cell: str) -> None:
    text = csv_text.lines([[cell]])

    assert next(csv.reader(io.StringIO(text, newline=""))) == [f"'{cell}"]


@pytest.mark.parametrize("cell", ["1+1", "a=b", "a-b", "user@example.com", "", "'=1"])
def test_any_other_cell_stays_as_it_is(cell: str) -> None:
    text = csv_text.lines([["x", cell]])

    assert next(csv.reader(io.StringIO(text, newline=""))) == ["x", cell]


@pytest.mark.parametrize(
    ("cells", "line"),
    [
        # RFC 4180, section 2, rules 1, 4 and 5.
        (["a", "b"], "a,b\r\n"),
        (["", ""], ",\r\n"),
        (["a b", " c "], "a b, c \r\n"),
        # Rule 6: line breaks, quotes and commas want quotes around the cell.
        (["a,b"], '"a,b"\r\n'),
        (["a\r\nb"], '"a\r\nb"\r\n'),
        (["a\nb", "a\rb"], '"a\nb","a\rb"\r\n'),
        # Rule 7: quotes within are doubled.
        (['say "hi"'], '"say ""hi"""\r\n'),
        # The apostrophe comes inside of the quotes.
        (["=a,b"], '"\'=a,b"\r\n'),
    ],
)
def test_lines_are_written_as_rfc_4180_has_it(cells: list[str], line: str) -> None:
    assert csv_text.lines([cells]) == line


@given(st.lists(st.lists(TEXTS, min_size=2, max_size=2), max_size=4))
def test_whatever_is_written_is_read_again(rows: list[list[str]]) -> None:
    read = list(csv.reader(io.StringIO(csv_text.lines(rows), newline="")))

    assert [[cell.removeprefix("'") for cell in row] for row in read] == [
        [cell.removeprefix("'") for cell in row] for row in rows
    ]
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in read for cell in row)


@pytest.mark.parametrize(
    ("micros", "cell"),
    [
        (1_769_688_000_000_000, "2026-01-29T12:00:00+00:00"),
        (1_769_688_000_500_000, "2026-01-29T12:00:00.500000+00:00"),
        (0, "1970-01-01T00:00:00+00:00"),
    ],
)
def test_times_are_in_utc_with_a_fraction_only_when_not_zero(micros: int, cell: str) -> None:
    assert csv_text.time_cell(micros) == cell


def test_pieces_have_at_most_64_kib_and_lose_nothing() -> None:
    data = bytes(range(256)) * 1_000

    pieces = list(csv_text.in_pieces(data))

    assert b"".join(pieces) == data
    assert [len(piece) for piece in pieces] == [65_536, 65_536, 65_536, 59_392]
    assert list(csv_text.in_pieces(b"")) == []
