"""A short text that matches a regular expression, always the same one."""

import re
from collections.abc import Mapping
from re import _constants, _parser  # type: ignore[attr-defined]  # no public module parses patterns into a tree
from typing import Any, Final

# What may stand for a character of which only is said what it is not.
LIKELY: Final = "a0A-_. /:@é"
# A letter of each class, and the pattern of the class.
CATEGORIES: Final[Mapping[Any, tuple[str, str]]] = {
    _constants.CATEGORY_DIGIT: ("0", r"\d"),
    _constants.CATEGORY_WORD: ("a", r"\w"),
    _constants.CATEGORY_SPACE: (" ", r"\s"),
    _constants.CATEGORY_NOT_DIGIT: ("a", r"\D"),
    _constants.CATEGORY_NOT_WORD: ("-", r"\W"),
    _constants.CATEGORY_NOT_SPACE: ("a", r"\S"),
}


def text_of_pattern(pattern: str) -> str | None:
    """Return a text that `pattern` matches as a whole; None where the simple way to one fails (look-around, say)."""
    try:
        text = _text(_parser.parse(pattern))
    except re.error:  # a pattern of another dialect
        return None
    return text if re.fullmatch(pattern, text) else None


def _text(nodes: Any) -> str:
    return "".join(_piece(kind, value) for kind, value in nodes)


def _piece(kind: Any, value: Any) -> str:
    if kind is _constants.LITERAL:
        return chr(value)
    if kind is _constants.NOT_LITERAL:
        return _other_than([(_constants.LITERAL, value)])
    if kind is _constants.ANY:
        return LIKELY[0]
    if kind is _constants.IN:
        first = value[0]
        return _other_than(value[1:]) if first[0] is _constants.NEGATE else _letter(*first)
    if kind is _constants.BRANCH:
        return _text(value[1][0])
    if kind is _constants.SUBPATTERN:
        return _text(value[3])
    if kind in (_constants.MAX_REPEAT, _constants.MIN_REPEAT):
        least, most, repeated = value
        times: int = min(max(least, 1), most)  # once says more than not at all
        return _text(repeated) * times
    return ""  # anchors take no room; whatever else there is shows when the text is matched


def _letter(kind: Any, value: Any) -> str:
    if kind is _constants.CATEGORY:
        return CATEGORIES[value][0]
    return chr(value[0] if kind is _constants.RANGE else value)


def _other_than(members: Any) -> str:
    return next((one for one in LIKELY if not any(_holds(one, *member) for member in members)), LIKELY[0])


def _holds(letter: str, kind: Any, value: Any) -> bool:
    if kind is _constants.RANGE:
        return bool(value[0] <= ord(letter) <= value[1])
    if kind is _constants.CATEGORY:
        return re.match(CATEGORIES[value][1], letter) is not None
    return bool(value == ord(letter))
