"""JSON text to Python values, strict: no repeated key, no endless nesting, no invalid UTF-8.

orjson refuses invalid UTF-8, lone surrogates, NaN, and numbers too large for a double. It drops repeated keys without
a word, so these are looked for here.

A value does not say how it was spelled, 1.50 or 1.5. Where that is wanted, the text is looked at a second time.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import orjson

from gateway.codec.errors import ParseError

# As in google.protobuf.json_format and the C++ parser, counted in nested objects and lists.
MAX_DEPTH: Final = 100

_WHITESPACE: Final = b" \t\r\n"
_ALL_BUT_OPENING_BRACKETS: Final = bytes(set(range(256)) - set(b"{["))
# Possessive, so that no text makes the search remember every character.
_SPACE_OR_STRING: Final = re.compile(rb'[ \t\r\n]++|("(?:[^"\\]++|\\.)*+")')
_SCALAR: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"|[^",:\]}]++')


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


class Spelling(NamedTuple):
    """A value and its text, without white space between the tokens."""

    value: Any
    text: str


class Key(str):
    """The key of a member that knows where the text of its value is."""

    __slots__ = ("_end", "_start", "_whole")

    def place(self, whole: str, start: int, end: int) -> None:
        """Say that the text is in `whole`, from `start` up to `end`. It is not cut out before somebody wants it."""
        self._whole, self._start, self._end = whole, start, end

    @property
    def text(self) -> str:
        """Text of the value."""
        return self._whole[self._start : self._end]


def load_with_text(data: bytes) -> Spelling:
    """The value that `data` spells, and the text. Raises ParseError."""
    value = load(data)
    text = data if orjson.dumps(value) == data else _SPACE_OR_STRING.sub(rb"\1", data)
    return Spelling(value, text.decode())


def load_spelled(data: bytes) -> Spelling:
    """The same, and `spelling` tells how the members of objects inside were spelled. Raises ParseError."""
    value, text = load_with_text(data)
    # Mostly it is spelled as orjson does it, and so is each part of it.
    again = orjson.dumps(value).decode()
    return Spelling(value if again == text else _Walk(text).value(), text)


def spelling(key: str, value: Any) -> Spelling:
    """The member of an object from `load_spelled`; of any other, as orjson spells it."""
    return Spelling(value, key.text if type(key) is Key else orjson.dumps(value).decode())


def spelled_members(spelled: Spelling) -> Any:
    """The members of an object; anything else is only its value."""
    value = spelled.value
    return {key: spelling(key, member) for key, member in value.items()} if type(value) is dict else value


def spelled_items(spelled: Spelling) -> Any:
    """The items of a list; anything else is only its value."""
    value = spelled.value
    return list(map(Spelling, value, _Walk(spelled.text).item_texts())) if type(value) is list else value


class _Walk:
    """One way through a text that is known to be JSON, without white space between its tokens."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def value(self) -> Any:
        """The value that comes next, with keys that know where their members are."""
        match self._text[self._at]:
            case "{":
                return dict(self._members())
            case "[":
                return [value for _, value in self._items()]
        return orjson.loads(self._scalar())

    def item_texts(self) -> Iterator[str]:
        """The texts of the items of the list that comes next."""
        for start, _ in self._items():
            yield self._text[start : self._at]

    def _members(self) -> Iterator[tuple[Key, Any]]:
        for _ in self._parts("}"):
            key = Key(orjson.loads(self._scalar()))
            self._at += 1  # the colon
            start = self._at
            value = self.value()
            key.place(self._text, start, self._at)
            yield key, value

    def _items(self) -> Iterator[tuple[int, Any]]:
        """Where each item starts, and the item; when it is given out, it was passed."""
        for start in self._parts("]"):
            yield start, self.value()

    def _parts(self, closing: str) -> Iterator[int]:
        self._at += 1
        while self._text[self._at] != closing:
            yield self._at
            if self._text[self._at] == ",":
                self._at += 1
        self._at += 1

    def _scalar(self) -> str:
        found: Any = _SCALAR.match(self._text, self._at)  # there is one, the text is JSON
        self._at = found.end()
        text: str = found[0]
        return text


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
