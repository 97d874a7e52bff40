"""Arguments of nodes: declared as a frozen dataclass, checked when steps are compiled, bound when a step runs.

    @dataclass(frozen=True)
    class Fill:
        selector: str = argument(main=True)
        text: str = argument()
        timeout: float = argument(default=10.0, minimum=0, maximum=3600)

Types an argument may have: `str`, `int`, `float`, `bool`, `object` (anything), `tuple[str, ...]` (one text or a list of
them), `tuple[object, object]`, `Condition`, a `Literal` of texts, and each of these or None. Pure.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from workers.flow import condition, template
from workers.flow.condition import Condition
from workers.flow.errors import ConfigInvalid

T = TypeVar("T")

_MISSING: Final = dataclasses.MISSING


class Argument(NamedTuple):
    """One declared argument."""

    name: str  # in YAML
    field: str  # of the dataclass; differs where the name is a word of Python
    convert: Callable[[object], object]
    required: bool
    optional: bool  # whether None may be given
    main: bool
    minimum: float | None
    maximum: float | None
    fold: bool


def argument(
    *,
    default: Any = _MISSING,
    main: bool = False,
    minimum: float | None = None,
    maximum: float | None = None,
    name: str | None = None,
    fold: bool = False,
) -> Any:
    """Declare an argument; without `default` it is required.

    `main`: what a plain value instead of a map stands for. `minimum` and `maximum` belong to the range; for texts they
    bound the length. `name`: how it is written in YAML. `fold`: the whole map of arguments is the value of this one.
    """
    metadata = {"main": main, "minimum": minimum, "maximum": maximum, "name": name, "fold": fold}
    return dataclasses.field(default=default, metadata=metadata)


def declared(arguments: type[Any]) -> tuple[Argument, ...]:
    """Read the declarations of a dataclass of arguments."""
    return _declared(arguments)  # type: ignore[arg-type]  # mypy does not see that a class is hashable


@cache
def _declared(arguments: type[Any]) -> tuple[Argument, ...]:
    hints = get_type_hints(arguments)
    return tuple(_declaration(field, hints[field.name]) for field in dataclasses.fields(arguments))


def as_map(arguments: type[Any], raw: object) -> dict[str, object]:
    """Return the arguments of a step as a map: a plain value is given to the main argument, nothing is an empty map.

    Raises:
        ConfigInvalid: a plain value where there is no main argument.
    """
    if isinstance(raw, Mapping):
        return dict(raw)
    if raw is None:
        return {}
    for one in declared(arguments):
        if one.main:
            return {one.name: raw}
    raise ConfigInvalid(f"takes a map of arguments ({_names(arguments)}), not a plain value")


def examine(arguments: type[Any], given: Mapping[str, object]) -> bool:
    """Check names and, where no reference stands in for it, every value; tell whether any reference was met.

    Raises:
        ConfigInvalid: an argument is unknown, missing, of the wrong type or out of range.
    """
    open_values = False
    for one, value in _assign(arguments, given):
        if template.check(value):
            open_values = True
            if one.fold:
                one.convert(value)
        else:
            _convert(one, value)
    return open_values


def bind(arguments: type[T], given: Mapping[str, object]) -> T:
    """Make the dataclass out of values that hold no reference any more.

    Raises:
        ConfigInvalid: as for `examine`; a caller at run time says that the step failed.
    """
    return arguments(**{one.field: _convert(one, value) for one, value in _assign(arguments, given)})


def nearest(name: str, known: list[str]) -> str:
    """Return a hint at the known name that is most like `name`, or nothing."""
    close = get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _assign(arguments: type[Any], given: Mapping[str, object]) -> list[tuple[Argument, object]]:
    known = declared(arguments)
    if known and known[0].fold:
        return [(known[0], given)]
    names = {one.name for one in known}
    for name in given:
        if name not in names:
            hint = nearest(str(name), sorted(names)) or f"; it takes {_names(arguments)}"
            raise ConfigInvalid(f"has no argument {name!r}{hint}")
    for one in known:
        if one.required and one.name not in given:
            raise ConfigInvalid(f"argument {one.name!r} is missing")
    return [(one, given[one.name]) for one in known if one.name in given]


def _convert(one: Argument, value: object) -> object:
    if value is None and one.optional:
        return None
    try:
        converted = one.convert(value)
    except _Mistyped as mistake:
        raise ConfigInvalid(f"argument {one.name!r} must be {mistake}") from None
    size = converted if isinstance(converted, int | float) else len(converted) if isinstance(converted, str) else None
    if size is None or isinstance(converted, bool):
        return converted
    unit = " characters" if isinstance(converted, str) else ""
    if one.minimum is not None and size < one.minimum:
        raise ConfigInvalid(f"argument {one.name!r} must be at least {one.minimum:,g}{unit}")
    if one.maximum is not None and size > one.maximum:
        raise ConfigInvalid(f"argument {one.name!r} must be at most {one.maximum:,g}{unit}")
    return converted


def _declaration(field: "dataclasses.Field[object]", hint: object) -> Argument:
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) and hint != Condition else (hint,)
    optional = NoneType in kinds and len(kinds) > 1
    kind = kinds[0] if optional else hint
    meta = field.metadata
    return Argument(
        name=meta["name"] or field.name,
        field=field.name,
        convert=_converter(kind),
        required=field.default is _MISSING and not meta["fold"],
        optional=optional,
        main=meta["main"],
        minimum=meta["minimum"],
        maximum=meta["maximum"],
        fold=meta["fold"],
    )


def _converter(kind: object) -> Callable[[object], object]:
    if get_origin(kind) is Literal:
        return lambda value: _one_of(get_args(kind), value)
    return _CONVERTERS[kind]


class _Mistyped(Exception):
    """The message completes "must be ..."."""


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    # `fill: {text: 2026}`: YAML made a number of it, its author meant a text. Not so true and false: `text: no`.
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise _Mistyped("a text")


def _number(value: object) -> float:
    if isinstance(value, str):  # from a CSV or a command line everything comes as text
        try:
            value = float(value) if not value.strip().lstrip("+-").isdigit() else int(value)
        except ValueError:
            raise _Mistyped("a number") from None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _Mistyped("a number")
    return value


def _whole(value: object) -> int:
    try:
        number = _number(value)
    except _Mistyped:
        raise _Mistyped("a whole number") from None
    if number != int(number):
        raise _Mistyped("a whole number")
    return int(number)


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    raise _Mistyped("true or false")


def _texts(value: object) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    try:
        return tuple(map(_text, items))
    except _Mistyped:
        raise _Mistyped("a text or a list of texts") from None


def _pair(value: object) -> tuple[object, object]:
    if not isinstance(value, list) or len(value) != 2:
        raise _Mistyped("a list of two values")
    return (value[0], value[1])


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise _Mistyped("a map of names to values")
    return value


def _one_of(choices: tuple[str, ...], value: object) -> str:
    if value not in choices:
        raise _Mistyped(f"one of {', '.join(choices)}")
    return str(value)


_CONVERTERS: Final[Mapping[object, Callable[[object], object]]] = {
    str: _text,
    float: _number,
    int: _whole,
    bool: _boolean,
    object: lambda value: value,
    tuple[str, ...]: _texts,
    tuple[object, object]: _pair,
    Mapping[str, object]: _mapping,
    Condition: condition.parse,
}


def _names(arguments: type[Any]) -> str:
    return ", ".join(one.name for one in declared(arguments)) or "none"
