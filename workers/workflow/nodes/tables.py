"""CSV and JSON in files of the job's folder."""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from workers.workflow.errors import NodeFailed
from workers.workflow.nodes.files import CATEGORY, CREATE_DIRS, ENCODING, FILE_PATH, SUCCESS, WRITTEN
from workers.workflow.nodes.files_folder import Folder, encoded, file_node
from workers.workflow.registry import Given, Input, NodeType, Output, Result
from workers.workflow.values import as_text

_NAMED_DELIMITERS: Final = {"\\t": "\t", "tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}


def _read_csv(given: Given, folder: Folder) -> Result:
    name = given["file_path"]
    text = folder.text(name, given["encoding"])
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(given), strict=True)
    try:
        rows: list[Any] = [cells for cells in reader if any(cells)]
    except csv.Error as error:
        raise NodeFailed(f"the file {name!r:.80} is no such CSV in line {reader.line_num}: {error}") from error
    headers = [cell.strip() for cell in rows.pop(0)] if given["has_header"] and rows else []
    data = list(_by_header(headers, rows)) if headers else rows
    return {"data": data, "headers": headers, "row_count": len(data), "success": True}


def _by_header(headers: list[str], rows: list[list[str]]) -> Iterator[dict[str, str]]:
    if len(set(headers)) < len(headers):
        raise NodeFailed("two columns have the same name; read it with has_header false")
    for number, cells in enumerate(rows, start=1):
        if len(cells) > len(headers):
            raise NodeFailed(f"row {number} has {len(cells)} cells, but the header {len(headers)}")
        yield dict(zip(headers, cells + [""] * (len(headers) - len(cells)), strict=True))


def _write_csv(given: Given, folder: Folder) -> Result:
    headers, rows = _table(given["data"], given["headers"])
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=_delimiter(given))
    if given["write_header"] and headers:
        writer.writerow(headers)
    writer.writerows(rows)
    written = _write(given, folder, text.getvalue())
    return {"file_path": written, "rows_written": len(rows), "success": True}


def _table(data: list[Any], headers: list[Any] | None) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows; columns that only some objects have are empty in the others."""
    columns = [as_text(one) for one in headers or dict.fromkeys(name for row in data for name in _names(row))]
    return columns, [_cells(row, columns) for row in data]


def _names(row: Any) -> list[str]:
    return list(row) if isinstance(row, Mapping) else []


def _cells(row: Any, columns: list[str]) -> list[str]:
    if isinstance(row, Mapping):
        return [as_text(row.get(column)) for column in columns]
    return [as_text(cell) for cell in row] if isinstance(row, list) else [as_text(row)]


def _delimiter(given: Given) -> str:
    written: str = given["delimiter"]
    delimiter = _NAMED_DELIMITERS.get(written.lower(), written)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise NodeFailed("its input 'delimiter' must be one character")
    return delimiter


def _read_json(given: Given, folder: Folder) -> Result:
    text = folder.text(given["file_path"], given["encoding"])
    try:
        return {"data": orjson.loads(text), "success": True}
    except orjson.JSONDecodeError as error:
        raise NodeFailed(f"the file {given['file_path']!r:.80} is not JSON: {error}") from error


def _write_json(given: Given, folder: Folder) -> Result:
    option = orjson.OPT_INDENT_2 if given["indent"] else None
    text = orjson.dumps(given["data"], option=option).decode()
    return {"file_path": _write(given, folder, text), "success": True}


def _write(given: Given, folder: Folder, text: str) -> str:
    content = encoded(text, given["encoding"])
    path = folder.target(given["file_path"], create_folders=given["create_dirs"])
    path.write_bytes(content)
    return folder.name(path)


_DELIMITER = Input("delimiter", "text", default=",", aliases=("separator",))
_DATA = Input("data", "list", required=True, aliases=("rows", "items"))

NODES = (
    NodeType(
        "ReadCSVNode",
        CATEGORY,
        "Reads a CSV file into a list of objects by its header, or of lists without one; empty lines are left out.",
        file_node(_read_csv),
        inputs=(
            FILE_PATH,
            _DELIMITER,
            Input("has_header", "boolean", default=True, aliases=("has_headers", "header")),
            ENCODING,
        ),
        outputs=(
            Output("data", "list", aliases=("rows", "items")),
            Output("headers", "list", aliases=("columns",)),
            Output("row_count", "integer", aliases=("count",)),
            SUCCESS,
        ),
        aliases=("ReadCsvNode", "CSVReadNode"),
    ),
    NodeType(
        "WriteCSVNode",
        CATEGORY,
        "Writes a list of objects or of lists to a CSV file.",
        file_node(_write_csv),
        inputs=(
            FILE_PATH,
            _DATA,
            Input("headers", "list", aliases=("columns",)),
            _DELIMITER,
            Input("write_header", "boolean", default=True, aliases=("include_header", "has_header", "write_headers")),
            ENCODING,
            CREATE_DIRS,
        ),
        outputs=(WRITTEN, Output("rows_written", "integer", aliases=("row_count",)), SUCCESS),
        aliases=("WriteCsvNode", "CSVWriteNode"),
    ),
    NodeType(
        "ReadJSONNode",
        CATEGORY,
        "Reads a value from a JSON file.",
        file_node(_read_json),
        inputs=(FILE_PATH, ENCODING),
        outputs=(Output("data", aliases=("json", "content", "result")), SUCCESS),
        aliases=("ReadJSONFileNode", "ReadJsonFileNode", "ReadJsonNode"),
    ),
    NodeType(
        "WriteJSONNode",
        CATEGORY,
        "Writes a value to a JSON file; indent 0 puts it into one line.",
        file_node(_write_json),
        inputs=(
            FILE_PATH,
            Input("data", required=True, aliases=("json", "content", "value")),
            Input("indent", "integer", default=2),
            ENCODING,
            CREATE_DIRS,
        ),
        outputs=(WRITTEN, SUCCESS),
        aliases=("WriteJSONFileNode", "WriteJsonFileNode", "WriteJsonNode"),
    ),
)
