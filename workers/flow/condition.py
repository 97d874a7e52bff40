"""Conditions of `if`, as data: `{equals: [a, b]}`, `{exists: selector}`, `{not: {...}}`.

Parsing and comparing are pure. Only `exists` and `visible` look at the page, through the `look` that is passed in.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from workers.flow.errors import ConfigInvalid, StepFailed

Sight = Literal["exists", "visible"]
Look = Callable[[Sight, str], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two values and how they are to stand to one another."""

    operator: str
    left: object
    right: object


@dataclass(frozen=True, slots=True)
class Seen:
    """Whether the page has something that a selector matches, right now."""

    sight: Sight
    selector: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A value on its own: true (`is`), or not empty (`filled`)."""

    operator: str
    value: object


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    condition: "Condition"


@dataclass(frozen=True, slots=True)
class Every:
    """`all` (every one holds) or `any` (at least one holds), left to right, no further than needed."""

    operator: str
    conditions: tuple["Condition", ...]


Condition = Comparison | Seen | Fact | Not | Every

COMPARISONS: Final = ("equals", "not_equals", "contains", "greater", "less")
KNOWN: Final = (*COMPARISONS, "exists", "visible", "is", "filled", "not", "all", "any")


def parse(raw: object) -> Condition:
    """Read one condition.

    Raises:
        ConfigInvalid: `raw` is not a map of exactly one known operator to operands of its shape.
    """
    if not isinstance(raw, Mapping) or len(raw) != 1:
        raise ConfigInvalid(f"a condition must be a map of one of {', '.join(KNOWN)} to what it compares")
    [(operator, operand)] = raw.items()
    if operator in COMPARISONS:
        if not isinstance(operand, Sequence) or isinstance(operand, str) or len(operand) != 2:
            raise ConfigInvalid(f"{operator!r} must have a list of two values")
        return Comparison(str(operator), operand[0], operand[1])
    if operator in ("exists", "visible"):
        if not isinstance(operand, str) or not operand:
            raise ConfigInvalid(f"{operator!r} must have a selector")
        return Seen("exists" if operator == "exists" else "visible", operand)
    if operator in ("is", "filled"):
        return Fact(str(operator), operand)
    if operator == "not":
        return Not(parse(operand))
    if operator in ("all", "any"):
        if not isinstance(operand, Sequence) or isinstance(operand, str) or not operand:
            raise ConfigInvalid(f"{operator!r} must have a list of conditions")
        return Every(str(operator), tuple(map(parse, operand)))
    raise ConfigInvalid(f"{operator!r} is not a condition; there are {', '.join(KNOWN)}")


async def evaluate(condition: Condition, look: Look) -> bool:
    """Tell whether `condition` holds.

    Raises:
        StepFailed: values are compared that cannot be.
    """
    match condition:
        case Comparison(operator, left, right):
            return holds(operator, left, right)
        case Fact(operator, value):
            return states(operator, value)
        case Seen(sight, selector):
            return await look(sight, selector)
        case Not(inner):
            return not await evaluate(inner, look)
        case Every(operator, conditions):
            decisive = operator == "any"
            for inner in conditions:
                if await evaluate(inner, look) is decisive:
                    return decisive
            return not decisive


def holds(operator: str, left: object, right: object) -> bool:
    """Compare two values. A number and a text that reads as one are compared as numbers: a CSV has only texts.

    Raises:
        StepFailed: `greater` or `less` of something that is not a number, or `contains` in something without parts.
    """
    if operator in ("equals", "not_equals"):
        return alike(left, right) is (operator == "equals")
    if operator == "contains":
        return _contains(left, right)
    larger, smaller = (left, right) if operator == "greater" else (right, left)
    return number(larger) > number(smaller)


def states(operator: str, value: object) -> bool:
    """Tell whether a value is true (`is`), or there at all (`filled`: not null, no empty text, list or map).

    Raises:
        StepFailed: `is` of something that is neither true nor false.
    """
    if operator == "filled":
        return value is not None and value not in ("", [], {})
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    raise StepFailed(f"'is' needs true or false, not {value!r:.60}")


def alike(left: object, right: object) -> bool:
    """Tell whether two values are the same; 3 and "3" are, true and 1 are not."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | float) != isinstance(right, int | float):
        try:
            return number(left) == number(right)
        except StepFailed:
            return False
    return left == right


def number(value: object) -> float:
    """Read a value as a number.

    Raises:
        StepFailed: it is none.
    """
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            return float(value)
        except (ValueError, OverflowError):
            pass  # told below, with the value
    raise StepFailed(f"{value!r:.60} is not a number")


def _contains(whole: object, part: object) -> bool:
    if isinstance(whole, str):
        return str(part) in whole
    if isinstance(whole, list):
        return any(alike(item, part) for item in whole)
    if isinstance(whole, Mapping):
        return part in whole
    raise StepFailed(f"'contains' needs a text or a list, not {whole!r:.60}")
