"""Values that pass between nodes: what JSON can say. How they are compared, converted, written and kept small. Pure."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from workers.flow.template import as_text
from workers.flow.values import plain
from workers.workflow.errors import NodeFailed

__all__ = [
    "CONVERTERS",
    "as_text",
    "boolean",
    "json_size",
    "kept",
    "number",
    "number_or_none",
    "same",
    "whole_if_whole",
]

# Words for true and false where a text stands in for one: a form, a CSV, an environment have only texts.
_WORDS: Final[Mapping[str, bool]] = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
    "": False,
    "none": False,
    "null": False,
}
# Beyond this floats do not tell neighbouring whole numbers apart.
_EXACT: Final = 2**53
_SMALL_TEXT: Final = 65_536
_LONGEST_NUMBER: Final = 400

Convert = Callable[[object], object]


def same(left: object, right: object) -> bool:
    """Tell whether two values are the same; 3 and "3" are, true and "True" are, true and 1 are not."""
    if isinstance(left, bool) or isinstance(right, bool):
        if isinstance(left, str) or isinstance(right, str):
            return str(left).lower() == str(right).lower()
        return left is right
    if isinstance(left, int | float) != isinstance(right, int | float):
        one, other = number_or_none(left), number_or_none(right)
        return one is not None and one == other
    return left == right


def number_or_none(value: object) -> int | float | None:
    """Return the number that `value` is or spells, None when it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if not isinstance(value, str) or len(value) > _LONGEST_NUMBER:
        return None
    text = value.strip()
    try:
        return int(text) if text.lstrip("+-").isdigit() else _finite(float(text))
    except (ValueError, OverflowError):
        return None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def number(value: object) -> int | float:
    """Return the number that `value` is or spells.

    Raises:
        NodeFailed: it is none.
    """
    found = number_or_none(value)
    if found is None:
        raise NodeFailed(f"must be a number, not {shown(value)}")
    return found


def whole_if_whole(value: int | float) -> int | float:
    """Return 15 for 15.0; a number that has a rest stays as it is."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    return value


def boolean(value: object) -> bool:
    """Tell whether `value` counts as true: "false", "no", "0" and whatever is empty do not."""
    if isinstance(value, str):
        return _WORDS.get(value.strip().lower(), True)
    return bool(value)


def shown(value: object) -> str:
    """Return `value` as a sentence quotes it."""
    return f"{value!r:.60}"


def kept(value: object, limit: int) -> tuple[object, int]:
    """Return `value` as it may be kept, and its size in characters of JSON, 0 for small ones.

    Raises:
        NodeFailed: it is too large, or holds what JSON cannot say.
    """
    kind = type(value)
    if value is None or kind is bool:
        return value, 0
    if kind is str:
        text: str = value  # type: ignore[assignment]  # mypy does not follow `type()`
        if len(text) > limit:
            raise NodeFailed(f"the value is larger than {limit:,} characters")
        return (text if text.isascii() else text.encode("utf-8", "replace").decode()), _size(len(text))
    if kind is int or kind is float:
        if not (math.isfinite(value) and -(2**63) <= value < 2**64):  # type: ignore[arg-type,operator]
            raise NodeFailed("the value is not a number that can be kept")
        return value, 0
    return _kept_container(value, limit)


def _kept_container(value: object, limit: int) -> tuple[object, int]:
    try:
        size = json_size(value)
    except TypeError:
        value = plain(value)  # dates and the like become text
        size = json_size(value)
    if size > limit:
        raise NodeFailed(f"the value is larger than {limit:,} characters")
    return value, _size(size)


def _size(characters: int) -> int:
    return characters if characters > _SMALL_TEXT else 0


def json_size(value: object) -> int:
    """Return the length of `value` as JSON in UTF-8.

    Raises:
        TypeError: JSON cannot say it.
    """
    return len(orjson.dumps(value))


def _text(value: object) -> object:
    return as_text(value)


def _integer(value: object) -> object:
    found = number(value)
    if found != int(found):
        raise NodeFailed(f"must be a whole number, not {shown(value)}")
    return int(found)


def _list(value: object) -> object:
    if isinstance(value, str) and value.lstrip().startswith("["):
        value = _parsed(value)
    if not isinstance(value, list):
        raise NodeFailed(f"must be a list, not {shown(value)}")
    return value


def _object(value: object) -> object:
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = _parsed(value)
    if not isinstance(value, Mapping):
        raise NodeFailed(f"must be an object, not {shown(value)}")
    return value


def _parsed(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


# By kind of an input. "any" takes what comes; "condition" is handled where expressions are.
CONVERTERS: Final[Mapping[str, Convert | None]] = {
    "any": None,
    "text": _text,
    "number": number,
    "integer": _integer,
    "boolean": boolean,
    "list": _list,
    "object": _object,
}
