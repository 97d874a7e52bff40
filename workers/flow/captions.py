"""The captions file: a CSV with a header, each row a map of column to text."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from workers.flow.errors import ConfigInvalid

ROW_LIMIT: Final = 100_000
SIZE_LIMIT_BYTES: Final = 64 * 1024 * 1024


def read(path: Path) -> tuple[Sequence[str], list[dict[str, str]]]:
    """Return the columns and the rows of the file, both in order.

    Raises:
        ConfigInvalid: it is missing, too large or not such a CSV; the message names the file and the line.
    """
    try:
        if path.stat().st_size > SIZE_LIMIT_BYTES:
            raise ConfigInvalid(f"{path.name} is larger than {SIZE_LIMIT_BYTES // 2**20} MiB")
        return parse(path.read_bytes(), name=path.name)
    except OSError as error:
        raise ConfigInvalid(f"the captions file {path.name} cannot be read: {error.strerror}") from error


def parse(data: bytes, *, name: str = "captions.csv") -> tuple[Sequence[str], list[dict[str, str]]]:
    """Read a CSV in UTF-8, with or without byte order mark, separated by comma (or semicolon, as spreadsheets save it).

    Empty lines are passed over; cells missing at the end of a row are empty.

    Raises:
        ConfigInvalid: no UTF-8, no header, a column twice or without name, a row with more cells than the header.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigInvalid(f"{name} is not UTF-8 text") from error
    if "\0" in text:
        raise ConfigInvalid(f"{name} is not a text file")
    first = text.split("\n", 1)[0]
    delimiter = ";" if ";" in first and "," not in first else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        return _table(reader, name)
    except csv.Error as error:
        raise ConfigInvalid(f"{name}, line {reader.line_num}: {error}") from error


def _table(reader: Iterator[list[str]], name: str) -> tuple[list[str], list[dict[str, str]]]:
    columns = [cell.strip() for cell in next(reader, [])]
    if not any(columns):
        raise ConfigInvalid(f"{name} has no header line that names its columns")
    if "" in columns or len(set(columns)) < len(columns):
        raise ConfigInvalid(f"{name}, line 1: every column must have a name of its own")
    rows: list[dict[str, str]] = []
    for cells in reader:
        if not any(cells):
            continue
        if len(cells) > len(columns):
            count = f"{len(cells)} cells but the header {len(columns)}"
            raise ConfigInvalid(
                f"{name}: the row of caption {len(rows) + 1} has {count}; put text with commas in quotes"
            )
        if len(rows) == ROW_LIMIT:
            raise ConfigInvalid(f"{name} has more than {ROW_LIMIT:,} rows")
        rows.append(dict(zip(columns, cells + [""] * (len(columns) - len(cells)), strict=True)))
    return columns, rows
