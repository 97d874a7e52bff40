"""What the signs of expressions do to values, within bounds."""

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from workers.workflow.errors import NodeFailed
from workers.workflow.values import as_text, boolean, number, number_or_none, same, shown, whole_if_whole

LENGTH_LIMIT: Final = 1_000_000
# Texts that are put together of what is there already.
JOINED_LIMIT: Final = 10_000_000
# A power with more bits than this is no number anybody waits for.
_POWER_BITS: Final = 1024

Operator = Callable[[Any, Any], Any]


def add(left: Any, right: Any) -> Any:
    """Add numbers, join lists, join texts; a text and anything else are joined as texts."""
    if isinstance(left, list) and isinstance(right, list):
        return _bounded(left + right)
    if isinstance(left, str) or isinstance(right, str):
        return _bounded(as_text(left) + as_text(right))
    return number(left) + number(right)


def multiply(left: Any, right: Any) -> Any:
    """Multiply numbers. Texts are read as numbers, never repeated."""
    return whole_if_whole(number(left) * number(right))


def divide(left: Any, right: Any) -> Any:
    """Divide; 10 / 2 is 5, 10 / 4 is 2.5."""
    return whole_if_whole(number(left) / _divisor(right))


def power(left: Any, right: Any) -> Any:
    """Raise to a power, within what a number can be."""
    base, exponent = number(left), number(right)
    if abs(exponent) * max(1, int(abs(base)).bit_length() if abs(base) >= 1 else 1) > _POWER_BITS:
        raise NodeFailed(f"{base} ** {exponent} is too large")
    try:
        result = base**exponent
    except (ZeroDivisionError, OverflowError) as error:
        raise NodeFailed(f"{base} ** {exponent} cannot be computed") from error
    if isinstance(result, complex):
        raise NodeFailed(f"{base} ** {exponent} is not a real number")
    return whole_if_whole(result)


def joined(separator: str, texts: Iterable[str]) -> str:
    """Put texts together, within what a text can be."""
    parts: list[str] = []
    left = JOINED_LIMIT
    for text in texts:
        parts.append(text)
        left -= len(text) + len(separator)
        if left < 0:
            raise NodeFailed(f"the text grows beyond {JOINED_LIMIT:,} characters")
    return separator.join(parts)


def contains(part: Any, whole: Any) -> bool:
    """Tell whether `part` is in a text, a list, or among the keys of an object."""
    if isinstance(whole, str):
        return as_text(part) in whole
    if isinstance(whole, list):
        return any(same(item, part) for item in whole)
    if isinstance(whole, Mapping):
        return as_text(part) in whole
    if whole is None:
        return False
    raise NodeFailed(f"'in' needs a text, a list or an object, not {shown(whole)}")


def ordered(compare: Operator) -> Operator:
    """Return a comparison of two values that have an order: numbers as numbers, else texts as texts."""

    def compared(left: Any, right: Any) -> bool:
        one, other = number_or_none(left), number_or_none(right)
        if one is not None and other is not None:
            return bool(compare(one, other))
        if isinstance(left, str) and isinstance(right, str):
            return bool(compare(left, right))
        raise NodeFailed(f"{shown(left)} and {shown(right)} cannot be compared by order")

    return compared


def _numeric(compute: Operator, *, dividing: bool = False) -> Operator:
    def computed(left: Any, right: Any) -> Any:
        return whole_if_whole(compute(number(left), _divisor(right) if dividing else number(right)))

    return computed


def _divisor(value: Any) -> int | float:
    found = number(value)
    if found == 0:
        raise NodeFailed("division by zero")
    return found


def _bounded(value: Any) -> Any:
    if len(value) > LENGTH_LIMIT:
        raise NodeFailed(f"the value grows beyond {LENGTH_LIMIT:,}")
    return value


# Signs of two sides by how tightly they bind; the comparisons bind least.
COMPARISONS: Final[Mapping[str, Operator]] = {
    "==": same,
    "===": same,
    "!=": lambda left, right: not same(left, right),
    "!==": lambda left, right: not same(left, right),
    "<": ordered(operator.lt),
    "<=": ordered(operator.le),
    ">": ordered(operator.gt),
    ">=": ordered(operator.ge),
    "in": contains,
    "not in": lambda left, right: not contains(left, right),
    "is": same,
    "is not": lambda left, right: not same(left, right),
}
SUMS: Final[Mapping[str, Operator]] = {"+": add, "-": _numeric(operator.sub)}
PRODUCTS: Final[Mapping[str, Operator]] = {
    "*": multiply,
    "/": divide,
    "//": _numeric(operator.floordiv, dividing=True),
    "%": _numeric(operator.mod, dividing=True),
}


def opposite(value: Any) -> bool:
    """Return `not value`."""
    return not boolean(value)


def negated(value: Any) -> Any:
    """Return `-value`."""
    return -number(value)
