"""Blocks that take a way several times, or several ways: loops, and ways that are gone one after the other. Pure."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from workers.workflow.blocks import Block, Cause, Jump, Move, Reach, WayEnds
from workers.workflow.errors import LimitExceeded
from workers.workflow.registry import Given, Leave


class _Loop(Block):
    def __init__(self, limit: int, turns: int) -> None:
        """`turns` have been taken already."""
        super().__init__()
        self._turns = turns
        self._limit = limit

    def next_move(self) -> Move:
        outputs = self._next_turn()
        if outputs is None:
            return self._completed()
        self._turns += 1
        if self._turns > self._limit:
            raise LimitExceeded(f"the loop takes more than {self._limit:,} turns")
        return Leave("body", outputs)

    def intercept(self, cause: Cause) -> Move | None:
        if not isinstance(cause, Jump) or cause.kind == "finish" or cause.target not in (None, self.owner):
            return None
        return self._completed() if cause.kind == "break" else self.next_move()

    def _completed(self) -> Move:
        self.finished = True
        return Leave("completed", {})

    def _next_turn(self) -> Mapping[str, Any] | None:
        """Return the outputs of the next turn, None when there is none."""
        raise NotImplementedError


class ForLoop(_Loop):
    """Turns over items; over those of an object when `keys` are given, one for each."""

    def __init__(
        self, items: Sequence[Any], keys: Sequence[str] | None, name: str, limit: int, *, turns: int = 0
    ) -> None:
        """`name` is what the item of the turn is called."""
        super().__init__(limit, turns)
        self._items = items
        self._keys = keys
        self._name = name

    def state(self) -> Any:  # noqa: D102  see Block
        items = self._items
        span = [items.start, items.stop, items.step] if isinstance(items, range) else None
        return [span or items, span is not None, self._keys, self._name, self._limit, self._turns]

    @staticmethod
    def reopened(state: Any) -> "ForLoop":
        """Return the loop that had this state."""
        items, is_range, keys, name, limit, turns = state
        return ForLoop(range(*items) if is_range else items, keys, name, limit, turns=turns)

    def _next_turn(self) -> Mapping[str, Any] | None:
        try:
            item = self._items[self._turns]
        except IndexError:
            return None
        outputs = {"current_item": item, "current_index": self._turns}
        if self._keys is not None:
            outputs["current_key"] = self._keys[self._turns]
        self.names[self._name] = item
        return outputs


class WhileLoop(_Loop):
    """Turns for as long as a condition holds, which is looked at before each."""

    def __init__(self, holds: Callable[[], Given], limit: int, *, turns: int = 0) -> None:
        super().__init__(limit, turns)
        self._holds = holds

    def state(self) -> Any:  # noqa: D102  see Block
        return [self._limit, self._turns]

    def _next_turn(self) -> Mapping[str, Any] | None:
        return {"current_iteration": self._turns} if self._holds()["condition"] else None


class InTurn(Block):
    """Ways that one port leads to, one after the other. They end where they meet, or where what is around them ends."""

    def __init__(
        self,
        targets: Sequence[str],
        ends: AbstractSet[str],
        *,
        gone: int = 0,
        arrived: str | None = None,
        left: Jump | None = None,
    ) -> None:
        super().__init__()
        self.ends = frozenset(ends)
        # The first of the ends that a way came to.
        self.arrived = arrived
        self._targets = targets
        self._gone = gone
        # How a way was left for a block further out; the other ways are gone first.
        self._left = left

    def next_move(self) -> Move:  # noqa: D102  see Block
        if self._gone < len(self._targets):
            self._gone += 1
            return Reach(self._targets[self._gone - 1])
        self.finished = True
        if self.arrived is not None:
            return Reach(self.arrived)
        if self._left is not None:
            raise self._left
        return WayEnds()

    def intercept(self, cause: Cause) -> Move | None:  # noqa: D102  see Block
        if self.finished or not isinstance(cause, Jump) or cause.kind == "break":
            return None
        self._left = cause
        return self.next_move()

    def state(self) -> Any:  # noqa: D102  see Block
        left = None if self._left is None else [self._left.kind, self._left.target]
        return [list(self._targets), sorted(self.ends), self._gone, self.arrived, left]

    @staticmethod
    def reopened(state: Any) -> "InTurn":
        """Return the ways that had this state."""
        targets, ends, gone, arrived, left = state
        return InTurn(targets, frozenset(ends), gone=gone, arrived=arrived, left=None if left is None else Jump(*left))
