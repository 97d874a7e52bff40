"""What a captions file must be: CSV in UTF-8 with a header row. Pure."""

import csv
import io
from typing import Final

from server.errors import InvalidArgument

MAX_BYTES: Final = 10 * 1024 * 1024


def check(data: bytes) -> None:
    """Check the whole file.

    Raises:
        InvalidArgument: it is not UTF-8 or not CSV (RFC 4180), it has no header row, or a row has more cells than that.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refused("must be UTF-8") from error
    if "\0" in text:
        raise _refused("must not contain NUL characters")
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next((row for row in rows if row), [])
        _check_header(header)
        for row in rows:
            if len(row) > len(header):
                raise _refused(f"must not have more cells in line {rows.line_num} than in its header")
    except csv.Error as error:
        raise _refused(f"must be CSV; line {rows.line_num} is not: {error}") from error


def _check_header(header: list[str]) -> None:
    names = [name.strip() for name in header]
    if not names:
        raise _refused("must have a header row")
    if not all(names) or len(set(names)) < len(names):
        raise _refused("must name each column of its header row once")


def _refused(message: str) -> InvalidArgument:
    return InvalidArgument.field("file", message)
