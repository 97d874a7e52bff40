"""JSON text to Python values, strict: no repeated key, no endless nesting, no invalid UTF-8.

orjson refuses invalid UTF-8, lone surrogates, NaN, and numbers too large for a double. It drops repeated keys without
a word, so these are looked for here.
"""

import json
from typing import Any, Final

import orjson

from gateway.codec.errors import ParseError

# As in google.protobuf.json_format and the C++ parser, counted in nested objects and lists.
MAX_DEPTH: Final = 100

_WHITESPACE: Final = b" \t\r\n"
_ALL_BUT_OPENING_BRACKETS: Final = bytes(set(range(256)) - set(b"{["))


def load(data: bytes) -> Any:
    """The value that `data` (UTF-8) spells: dict, list, str, int, float, bool or None.

    An integer beyond 64 bits comes out as a float.

    Raises:
        ParseError: `data` is no JSON, repeats a key, or nests deeper than MAX_DEPTH.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise ParseError(_reason(error)) from error
    if len(data.translate(None, _ALL_BUT_OPENING_BRACKETS)) > MAX_DEPTH:
        _refuse_deep_nesting(value, MAX_DEPTH)
    if not _is_whole(data, value):
        # A slower parser that shows every member.
        json.loads(data, object_pairs_hook=_refuse_repeated_key)
    return value


def _reason(error: orjson.JSONDecodeError) -> str:
    if error.msg.startswith("str is not valid UTF-8"):
        return "must be valid UTF-8"
    if error.msg.startswith("Input is a zero-length"):
        return "must not be empty"
    if error.msg.startswith("depth limit exceeded"):
        return f"must not nest deeper than {MAX_DEPTH} levels"
    return f"must be valid JSON: {error}"


def _is_whole(data: bytes, value: Any) -> bool:
    """Whether `value` surely has every member of `data`.

    So it is when it gives the same text again but for white space: a dropped member would be missing there. Other
    spellings of strings and numbers give False too.
    """
    again = orjson.dumps(value)
    return again == data or again.translate(None, _WHITESPACE) == data.translate(None, _WHITESPACE)


def _refuse_deep_nesting(value: Any, levels_left: int) -> None:
    if type(value) is dict or type(value) is list:
        if not levels_left:
            raise ParseError(f"must not nest deeper than {MAX_DEPTH} levels")
        for item in value.values() if type(value) is dict else value:
            _refuse_deep_nesting(item, levels_left - 1)


def _refuse_repeated_key(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise ParseError(f"must not repeat the key {shortened(key)!r}")
        seen.add(key)


def shortened(text: str) -> str:
    """`text` cut to 64 characters, for messages that quote what was sent."""
    return text if len(text) <= 64 else f"{text[:61]}..."
