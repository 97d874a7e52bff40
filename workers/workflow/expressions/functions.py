"""Functions of expressions. `name.lower()` is `lower(name)`: the first argument may stand in front."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from workers.workflow.errors import NodeFailed
from workers.workflow.expressions.operators import LENGTH_LIMIT, contains, joined
from workers.workflow.values import as_text, boolean, number, shown, whole_if_whole

# How many arguments a function takes, at least and at most.
Function = tuple[Callable[..., Any], int, int]


def _length(value: Any) -> int:
    if isinstance(value, str | list | Mapping):
        return len(value)
    if value is None:
        return 0
    raise NodeFailed(f"{shown(value)} has no length")


def _replaced(text: Any, old: Any, new: Any) -> str:
    whole, part, other = as_text(text), as_text(old), as_text(new)
    if len(whole) + whole.count(part) * len(other) > LENGTH_LIMIT:
        raise NodeFailed(f"the text grows beyond {LENGTH_LIMIT:,} characters")
    return whole.replace(part, other)


def _rounded(value: Any, digits: Any = 0) -> Any:
    return whole_if_whole(round(number(value), max(-20, min(20, int(number(digits))))))


def _items(values: tuple[Any, ...]) -> list[Any]:
    items = values[0] if len(values) == 1 and isinstance(values[0], list) else list(values)
    if not items:
        raise NodeFailed("there are no values to choose from")
    return [number(item) for item in items]


def _substring(text: Any, start: Any, end: Any = None) -> str:
    return as_text(text)[int(number(start)) : None if end is None else int(number(end))]


def _joined(separator: Any, items: Any) -> str:
    # `join(items, ', ')` as well as `', '.join(items)`.
    if isinstance(separator, list):
        separator, items = items, separator
    if not isinstance(items, list):
        raise NodeFailed(f"join needs a list, not {shown(items)}")
    return joined(as_text(separator), map(as_text, items))


def _get(value: Any, key: Any, default: Any = None) -> Any:
    if isinstance(value, Mapping):
        return value.get(as_text(key), default)
    raise NodeFailed(f"get needs an object, not {shown(value)}")


def _sum(items: Any) -> Any:
    return whole_if_whole(sum(number(item) for item in _list(items)))


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise NodeFailed(f"{shown(value)} is not a list")
    return value


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise NodeFailed(f"{shown(value)} is not an object")
    return value


FUNCTIONS: Final[Mapping[str, Function]] = {
    "len": (_length, 1, 1),
    "length": (_length, 1, 1),
    "str": (as_text, 1, 1),
    "int": (lambda value: int(number(value)), 1, 1),
    "float": (lambda value: float(number(value)), 1, 1),
    "bool": (boolean, 1, 1),
    "abs": (lambda value: abs(number(value)), 1, 1),
    "round": (_rounded, 1, 2),
    "min": (lambda *values: min(_items(values)), 1, 100),
    "max": (lambda *values: max(_items(values)), 1, 100),
    "sum": (_sum, 1, 1),
    "lower": (lambda text: as_text(text).lower(), 1, 1),
    "upper": (lambda text: as_text(text).upper(), 1, 1),
    "strip": (lambda text: as_text(text).strip(), 1, 1),
    "trim": (lambda text: as_text(text).strip(), 1, 1),
    "startswith": (lambda text, start: as_text(text).startswith(as_text(start)), 2, 2),
    "starts_with": (lambda text, start: as_text(text).startswith(as_text(start)), 2, 2),
    "endswith": (lambda text, end: as_text(text).endswith(as_text(end)), 2, 2),
    "ends_with": (lambda text, end: as_text(text).endswith(as_text(end)), 2, 2),
    "contains": (lambda whole, part: contains(part, whole), 2, 2),
    "replace": (_replaced, 3, 3),
    "split": (lambda text, by=None: as_text(text).split(as_text(by) if by else None), 1, 2),
    "join": (_joined, 2, 2),
    "substring": (_substring, 2, 3),
    "find": (lambda text, part: as_text(text).find(as_text(part)), 2, 2),
    "count": (lambda text, part: as_text(text).count(as_text(part)), 2, 2),
    "get": (_get, 2, 3),
    "keys": (lambda value: list(_object(value)), 1, 1),
    "values": (lambda value: list(_object(value).values()), 1, 1),
    "isdigit": (lambda text: as_text(text).isdigit(), 1, 1),
    "isalpha": (lambda text: as_text(text).isalpha(), 1, 1),
    "any": (lambda items: any(map(boolean, _list(items))), 1, 1),
    "all": (lambda items: all(map(boolean, _list(items))), 1, 1),
    "is_empty": (lambda value: value in (None, "", [], {}), 1, 1),
}
