"""Values of variables: what JSON can say, of bounded size. Pure."""

import math
from collections.abc import Mapping
from datetime import date
from typing import Final

from workers.flow.errors import StepFailed

# Together the texts of one value, and the values inside of it.
TEXT_LIMIT: Final = 1_000_000
ITEM_LIMIT: Final = 100_000


class _Budget:
    """What is left while one value is copied. A list that holds another one twice pays for it twice."""

    def __init__(self) -> None:
        self.text = TEXT_LIMIT
        self.items = ITEM_LIMIT

    def spend(self, *, text: int = 0) -> None:
        self.text -= text
        self.items -= 1
        if self.text < 0 or self.items < 0:
            raise StepFailed(f"the value is larger than {TEXT_LIMIT:,} characters or {ITEM_LIMIT:,} items")


def plain(value: object) -> object:
    """Return a copy of `value` that JSON can carry; dates become text.

    Raises:
        StepFailed: it is too large, or holds what JSON cannot say.
    """
    return _copy(value, _Budget())


def _copy(value: object, budget: _Budget) -> object:
    if isinstance(value, str):
        budget.spend(text=len(value))
        # A page may hold half a surrogate pair; nothing that speaks UTF-8 can carry one.
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    budget.spend()
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        if not (math.isfinite(value) and -(2**63) <= value < 2**63):
            raise StepFailed(f"{value:g} is not a number that can be kept")
        return value
    if isinstance(value, Mapping):
        return {str(key): _copy(inner, budget) for key, inner in value.items()}
    if isinstance(value, list):
        return [_copy(inner, budget) for inner in value]
    if isinstance(value, date):
        return value.isoformat()
    raise StepFailed(f"a {type(value).__name__} cannot be kept")
