"""Blocks that are open while a graph runs: turns of a loop, the stages of a `try`. Pure.

A frame belongs to a node. When the end of a block leads back to that node, `next_port` says where to go from there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from workers.flow.errors import FlowError
from workers.flow.graph import EXEC_OUT


@dataclass
class Loop:
    """A `for_each` and the turn it is in."""

    node_id: str
    items: Sequence[object]
    name: str
    pause_seconds: float
    # Turns begun.
    turn: int = 0
    finished: bool = False

    @property
    def variables(self) -> Mapping[str, object]:
        """What the steps inside can refer to."""
        loop = {"index": self.turn - 1, "number": self.turn, "count": len(self.items)}
        return {self.name: self.items[self.turn - 1], "loop": loop}

    @property
    def fraction(self) -> float:
        """How much of it is done: 0 to 1."""
        return max(0, self.turn - 1) / len(self.items) if self.items else 1.0

    def next_port(self) -> str:
        """Begin the next turn, or leave when there is none."""
        if self.turn == len(self.items):
            self.finished = True
            return EXEC_OUT
        self.turn += 1
        return "body"


@dataclass
class Attempt:
    """A `try` and the stage it is in."""

    node_id: str
    # Which of its blocks were written.
    has_catch: bool
    has_finally: bool
    stage: str = ""
    variables: Mapping[str, object] = field(default_factory=dict)
    # Raised again when `finally` is through.
    pending: FlowError | None = None
    finished: bool = False

    def next_port(self) -> str:
        """Go on after a stage that ended well.

        Raises:
            FlowError: the one that `finally` has held up.
        """
        if not self.stage:
            self.stage = "body"
        elif self.stage != "finally" and self.has_finally:
            self.stage = "finally"
        else:
            self.finished = True
            if self.pending is not None:
                raise self.pending
            return EXEC_OUT
        return self.stage

    def take(self, error: FlowError) -> str | None:
        """Return the port to leave by after a failed step inside, None when the error must go further out."""
        if self.stage == "body" and self.has_catch:
            self.stage = "catch"
            self.variables = {
                "error": {
                    "type": error.error_type,
                    "message": error.reason,
                    "node": error.node_id,
                    "place": error.place,
                }
            }
            return "catch"
        if self.stage in ("body", "catch") and self.has_finally:
            self.stage, self.pending = "finally", error
            return "finally"
        return None
