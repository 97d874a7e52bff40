"""What a page shows, as values: texts, attributes, tables, images, results of JavaScript."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from workers.flow import page_errors
from workers.workflow.errors import NodeFailed
from workers.workflow.nodes.browser.page_node import SELECTOR, STRICT, VARIABLE, Spot, page_node
from workers.workflow.registry import Given, Input, Output

# Elements that are read by one node, characters of what one node reads.
ELEMENT_LIMIT: Final = 10_000
TEXT_LIMIT: Final = 1_000_000

# Characters are counted in the page, so that a large one never comes here as a whole.
_READ: Final = """(found, [what, name, limit]) => {
    const read = {
        textContent: one => one.textContent, innerText: one => one.innerText, value: one => one.value ?? null,
        innerHTML: one => one.innerHTML, attribute: one => one.getAttribute(name),
    }[what];
    const values = found.map(read);
    return values.reduce((sum, one) => sum + (one?.length ?? 0), 0) > limit ? null : values;
}"""

# Cells that span rows or columns stand in each of them; rows of tables inside of cells are not rows of this one.
_TABLE: Final = """(table, [limit, firstIsHeader]) => {
    const rows = table.rows ? [...table.rows] : [];
    const grid = rows.map(() => []);
    let left = limit;
    for (const [y, row] of rows.entries()) {
        let x = 0;
        for (const cell of row.cells) {
            while (grid[y][x] !== undefined) x++;
            const text = (cell.innerText ?? '').trim();
            const wide = Math.min(cell.colSpan, 1000);
            const high = Math.min(cell.rowSpan || rows.length, rows.length - y);
            for (let down = 0; down < high; down++)
                for (let right = 0; right < wide; right++) {
                    left -= text.length + 1;
                    if (left < 0) return null;
                    grid[y + down][x + right] = text;
                }
            x += wide;
        }
    }
    const isHeader = row => row.cells.length > 0 && [...row.cells].every(cell => cell.tagName === 'TH');
    const heads = table.tHead ? table.tHead.rows.length : rows.length && isHeader(rows[0]) ? 1 : 0;
    const count = firstIsHeader === null ? heads : firstIsHeader ? Math.max(heads, 1) : 0;
    const filled = grid.map(row => Array.from(row, text => text ?? ''));
    return {headers: count ? filled[count - 1] ?? [] : [], rows: filled.slice(count)};
}"""

_IMAGES: Final = """([limit, wide, high]) => [...document.images]
    .filter(one => one.currentSrc && one.naturalWidth >= wide && one.naturalHeight >= high).slice(0, limit)
    .map(one => ({url: one.currentSrc, alt: one.alt, width: one.naturalWidth, height: one.naturalHeight}))"""

_RESULT: Final = """(value, limit) => {
    const text = JSON.stringify(value);
    return text !== undefined && text.length > limit ? {large: true} : {text};
}"""


async def _read(given: Given, spot: Spot, what: str, name: str = "") -> list[Any]:
    """Return what the matches hold: all of them, or the first or only one."""
    if not given["all"]:
        found = spot.element(given)
        await found.wait_for(state="attached", timeout=spot.timeout)
    else:
        found = spot.page.locator(given["selector"])
        if await found.count() > ELEMENT_LIMIT:
            raise NodeFailed(f"{given['selector']!r} matches more than {ELEMENT_LIMIT:,} elements")
    values: list[Any] | None = await found.evaluate_all(_READ, [what, name, TEXT_LIMIT])
    if values is None:
        raise NodeFailed(f"what {given['selector']!r} holds is longer than {TEXT_LIMIT:,} characters")
    if not values and not given["all"]:
        raise NodeFailed(f"{given['selector']!r} went away while it was read")
    return values


def _listed_first(name: str, read: dict[str, Any]) -> dict[str, Any]:
    """Return the outputs with the list as the first: that is what a variable keeps."""
    return {name: read[name], **read}


async def _text(given: Given, spot: Spot) -> Mapping[str, Any]:
    what = given["read"] or ("innerText" if given["use_inner_text"] else "textContent")
    texts = [one or "" for one in await _read(given, spot, what)]
    if given["trim_whitespace"]:
        texts = [text.strip() for text in texts]
    read = {"text": texts[0] if texts else "", "texts": texts, "count": len(texts)}
    return _listed_first("texts", read) if given["all"] else read


async def _attribute(given: Given, spot: Spot) -> Mapping[str, Any]:
    values = await _read(given, spot, "attribute", given["attribute"])
    read = {"value": values[0] if values else None, "values": values}
    return _listed_first("values", read) if given["all"] else read


async def _table(given: Given, spot: Spot) -> Mapping[str, Any]:
    table = await spot.element(given).evaluate(_TABLE, [TEXT_LIMIT, given["has_header"]], timeout=spot.timeout)
    if table is None:
        raise NodeFailed(f"the table holds more than {TEXT_LIMIT:,} characters")
    rows: list[list[str]] = table["rows"][max(0, given["skip_rows"]) :]
    if given["max_rows"] > 0:
        rows = rows[: given["max_rows"]]
    width = max(map(len, [table["headers"], *rows]))
    headers = _names(table["headers"], width)
    data: list[Any] = [dict(zip(headers, row, strict=False)) for row in rows]
    if given["output_format"] == "list_of_lists":
        data = [headers, *rows] if table["headers"] and given["include_headers"] else list(rows)
    return {"data": data, "headers": headers, "row_count": len(rows), "column_count": width}


def _names(headers: list[str], width: int) -> list[str]:
    """Return a name for each column, no two the same: the header, else its place from 1."""
    names: list[str] = []
    for place in range(width):
        name = (headers[place] if place < len(headers) else "") or f"column_{place + 1}"
        number, wanted = 1, name
        while name in names:
            number += 1
            name = f"{wanted}_{number}"
        names.append(name)
    return names


async def _images(given: Given, spot: Spot) -> Mapping[str, Any]:
    found = await spot.page.evaluate(_IMAGES, [ELEMENT_LIMIT, given["min_width"], given["min_height"]])
    return {"images": [one["url"] for one in found], "details": found, "count": len(found)}


async def _evaluate(given: Given, spot: Spot) -> Mapping[str, Any]:
    from playwright.async_api import Error

    script, argument = given["script"], given["arg"]
    try:
        handle = await spot.page.evaluate_handle(script, argument)
    except Error as error:
        if "Illegal return" not in error.message:
            raise NodeFailed(f"its script: {page_errors.first_line(error.message)}") from error
        # Written as the body of a function; nothing of it has been executed yet.
        handle = await spot.page.evaluate_handle(f"async (arg) => {{{script}\n}}", argument)
    answer = await handle.evaluate(_RESULT, TEXT_LIMIT)
    await handle.dispose()
    if answer.get("large"):
        raise NodeFailed(f"the result of its script is larger than {TEXT_LIMIT:,} characters")
    text = answer.get("text")
    result = None if text is None else orjson.loads(text)
    return {"result": result}


_ALL: Final = Input("all", "boolean", default=False, aliases=("multiple", "extract_all", "get_all"))

NODES = (
    page_node(
        "ExtractTextNode",
        "Reads the text of an element, or of all that match.",
        _text,
        inputs=(
            SELECTOR,
            STRICT,
            _ALL,
            Input("use_inner_text", "boolean", default=False),
            Input(
                "read",
                "text",
                choices=("textContent", "innerText", "innerHTML", "value"),
                aliases=("extract_type", "property"),
            ),
            Input("trim_whitespace", "boolean", default=True, aliases=("trim",)),
            VARIABLE,
        ),
        outputs=(
            Output("text", "text", aliases=("result", "value", "extracted_text")),
            Output("texts", "list"),
            Output("count", "integer"),
        ),
        aliases=("ExtractNode", "GetTextNode", "BrowserExtractTextNode", "BrowserExtractNode", "ReadTextNode"),
        only_looks=True,
    ),
    page_node(
        "GetAttributeNode",
        "Reads an attribute of an element, or of all that match; null where there is none.",
        _attribute,
        inputs=(
            SELECTOR,
            STRICT,
            _ALL,
            Input("attribute", "text", required=True, aliases=("attribute_name", "name")),
            VARIABLE,
        ),
        outputs=(Output("value", "text", aliases=("attribute_value", "result")), Output("values", "list")),
        aliases=("ExtractAttributeNode", "GetElementAttributeNode", "BrowserGetAttributeNode"),
        only_looks=True,
    ),
    page_node(
        "TableScraperNode",
        "Reads a table: each row an object with the headers as names, or a list.",
        _table,
        inputs=(
            Input("selector", "text", default="table", aliases=("table_selector", *SELECTOR.aliases)),
            STRICT,
            # Whether the first row names the columns; null for as the table says itself.
            Input("has_header", "boolean", aliases=("has_headers", "first_row_is_header")),
            Input(
                "output_format",
                "text",
                default="list_of_dicts",
                choices=("list_of_dicts", "list_of_lists"),
                aliases=("format",),
            ),
            Input("include_headers", "boolean", default=True),
            Input("skip_rows", "integer", default=0),
            Input("max_rows", "integer", default=0),
            VARIABLE,
        ),
        outputs=(
            Output("data", "list", aliases=("rows", "table_data", "table", "result")),
            Output("headers", "list"),
            Output("row_count", "integer", aliases=("count",)),
            Output("column_count", "integer"),
        ),
        aliases=("ExtractTableNode", "ScrapeTableNode", "GetTableNode", "BrowserExtractTableNode"),
        only_looks=True,
    ),
    page_node(
        "GetAllImagesNode",
        "Lists the images of a page that have loaded.",
        _images,
        inputs=(Input("min_width", "integer", default=0), Input("min_height", "integer", default=0)),
        outputs=(
            Output("images", "list", aliases=("image_urls", "urls")),
            Output("details", "list"),
            Output("count", "integer"),
        ),
        only_looks=True,
    ),
    page_node(
        "EvaluateNode",
        "Runs JavaScript in the page: an expression, a function, or the body of one; `arg` is given to it.",
        _evaluate,
        inputs=(
            Input("script", "text", required=True, aliases=("expression", "code", "javascript", "js_code")),
            Input("arg", aliases=("args", "argument")),
            VARIABLE,
        ),
        outputs=(Output("result", aliases=("value", "return_value")),),
        aliases=("BrowserEvaluateNode", "ExecuteScriptNode", "ExecuteJavaScriptNode", "EvaluateJavaScriptNode"),
    ),
)
