"""CSV as RFC 4180 has it, safe to open in a spreadsheet. Pure."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

CONTENT_TYPE: Final = "text/csv; charset=utf-8"
PIECE_BYTES: Final = 64 * 1024

# A spreadsheet takes a cell that begins so for a formula, and a formula may call programs and addresses.
# Source: OWASP, "CSV Injection".
FORMULA_STARTS: Final = ("=", "+", "-", "@")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def lines(rows: Iterable[Iterable[str]]) -> str:
    """Return `rows` as lines that end with CRLF. Cells that look like formulas get a leading apostrophe."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows([[_harmless(cell) for cell in row] for row in rows])
    return text.getvalue()


def in_pieces(data: bytes) -> Iterator[bytes]:
    """Yield `data` in pieces of at most 64 KiB."""
    for start in range(0, len(data), PIECE_BYTES):
        yield data[start : start + PIECE_BYTES]


def time_cell(micros: int) -> str:
    """Return a time as answers in JSON show it: "2026-01-29T12:00:00+00:00", with a fraction only when not zero."""
    return (_EPOCH + timedelta(microseconds=micros)).isoformat()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell
