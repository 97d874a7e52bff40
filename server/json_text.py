"""JSON text as the contract wants it: no repeated key, no endless nesting, valid UTF-8, finite numbers. Pure.

Source: `json_text` in gateway/v1/options.proto. Over HTTP the gateway has seen to all that already; over gRPC, and in
uploaded files, nobody has.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import orjson

# Counted in nested objects and lists.
MAX_DEPTH: Final = 100

_TOO_DEEP: Final = f"must not nest deeper than {MAX_DEPTH} levels"
# How the parser begins a message -> what is said instead.
_PLAIN_WORDS: Final[Mapping[str, str]] = {
    "str is not valid UTF-8": "must be valid UTF-8",
    "Input is a zero-length": "must not be empty",
    "depth limit exceeded": _TOO_DEEP,
}
_WHITESPACE: Final = b" \t\r\n"
_BRACKETS: Final = bytes.maketrans(b"{}", b"[]")
_ALL_BUT_BRACKETS: Final = bytes(set(range(256)) - set(b"{[]}"))


class JsonInvalid(ValueError):
    """The text cannot be taken. The message completes "<field> ...", `reason` completes "Invalid JSON: ..."."""

    def __init__(self, message: str, *, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason or message


class JsonText(NamedTuple):
    """A value, and the text that spells it: UTF-8 without white space between its tokens."""

    value: Any
    text: bytes


def read(data: bytes) -> JsonText:
    """Return what `data` spells. Integers are exact, whatever their size.

    Raises:
        JsonInvalid: it is no JSON, repeats a key, or nests deeper than `MAX_DEPTH`.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise _no_json(error) from error
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH and (text := _same_again(value, data)) is not None:
        return JsonText(value, text)
    parts = _split_at_quotes(data)
    if _deeper_than(b"".join(parts[::2]), MAX_DEPTH):
        raise JsonInvalid(_TOO_DEEP)
    text = _joined(parts)
    # What gives the same text again has lost nothing. orjson drops repeated keys and rounds large integers.
    return JsonText(value if orjson.dumps(value) == text else json.loads(text, object_pairs_hook=_members), text)


def read_object(data: bytes) -> JsonText:
    """Return the object that `data` spells.

    Raises:
        JsonInvalid: as `read`, or it is something else.
    """
    found = read(data)
    if type(found.value) is not dict:
        raise JsonInvalid("must be an object")
    return found


def fault(text: str) -> str | None:
    """Return what is wrong with `text`, as completion of "<field> ..."; None when all is well."""
    return _fault_in(read, text)


def fault_of_object(text: str) -> str | None:
    """The same for a text that has to be an object."""
    return None if _plain_object(text) else _fault_in(read_object, text)


def spell(value: Any) -> str:
    """Return the text of a value from `read`."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # an integer beyond 64 bits
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _plain_object(text: str) -> bool:
    """Whether an object is spelled here as `spell` would spell it, which most are: then nothing is wrong with it."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    if type(value) is not dict or text.count("[") + text.count("{") > MAX_DEPTH:
        return False
    return orjson.dumps(value) == text.encode()


def _fault_in(read_as: Callable[[bytes], JsonText], text: str) -> str | None:
    try:
        read_as(text.encode())
    except JsonInvalid as invalid:
        return str(invalid)
    return None


def _no_json(error: orjson.JSONDecodeError) -> JsonInvalid:
    for beginning, words in _PLAIN_WORDS.items():
        if error.msg.startswith(beginning):
            return JsonInvalid(words)
    return JsonInvalid(f"must be valid JSON: {error}", reason=str(error))


def _same_again(value: Any, data: bytes) -> bytes | None:
    """Return the text of `value` if `data` is the same but for white space; None when that is not plain to see."""
    text = orjson.dumps(value)
    same = text == data or text.translate(None, _WHITESPACE) == data.translate(None, _WHITESPACE)
    return text if same else None


def _split_at_quotes(data: bytes) -> list[bytes]:
    """Return what lies between the quotes of `data`, which is valid JSON: outside of strings, inside, outside ...

    Escaped backslashes and quotes come as control characters, which cannot stand in JSON themselves.
    """
    parts = data.replace(rb"\\", b"\x01").replace(rb"\"", b"\x02").split(b'"')
    parts[::2] = [part.translate(None, _WHITESPACE) for part in parts[::2]]
    return parts


def _joined(parts: list[bytes]) -> bytes:
    return b'"'.join(parts).replace(b"\x02", rb"\"").replace(b"\x01", rb"\\")


def _deeper_than(outside: bytes, levels: int) -> bool:
    """Whether the objects and lists of a text nest deeper; `outside` is what it has outside of strings."""
    brackets = outside.translate(_BRACKETS, _ALL_BUT_BRACKETS)
    while brackets and levels:
        brackets = brackets.replace(b"[]", b"")  # the innermost ones
        levels -= 1
    return bool(brackets)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise JsonInvalid(f"must not repeat the key {_repeated(pairs)!r}")
    return members


def _repeated(pairs: list[tuple[str, Any]]) -> str:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            return key if len(key) <= 64 else f"{key[:61]}..."
        seen.add(key)
    return ""
