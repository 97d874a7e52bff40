"""Blocks that are open while a graph runs, and where they say that it goes on. Pure.

A block belongs to the node that opened it: a loop, a try, a retry; or to several ways that one port leads to. Whenever
the way within it ends, `next_move` says where to go on. What ends it early (an error, a jump) is offered to
`intercept`, from the innermost block outwards.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

from workers.workflow.errors import WorkflowError
from workers.workflow.registry import Leave


class Jump(Exception):
    """Leaves blocks on purpose. `target` is the node whose block is meant, None for the innermost loop.

    "again" is control that has come back to the node of the block; "finish" ends the whole way, all blocks included.
    """

    def __init__(self, kind: Literal["break", "continue", "again", "finish"], target: str | None = None) -> None:
        super().__init__(kind)
        self.kind = kind
        self.target = target


class GoTo(NamedTuple):
    """Go on at this node."""

    node_id: str


class Reach(NamedTuple):
    """Come to this node as by an edge: where ways end at it, this one does."""

    node_id: str


class LeaveFrom(NamedTuple):
    """Go on as if this node had just been left by `port`."""

    node_id: str
    port: str


class Again(NamedTuple):
    """Leave the node of the block by `port` after a pause, with these outputs."""

    port: str
    outputs: Mapping[str, Any]
    delay_seconds: float


class WayEnds(NamedTuple):
    """There is nowhere to go on; the block around this one says what follows."""


Move: TypeAlias = Leave | Again | LeaveFrom | GoTo | Reach | WayEnds
Cause: TypeAlias = WorkflowError | Jump


class Block:
    """One open block. `names` are known inside of it; `ends` are nodes at which the way within ends."""

    ends: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.owner = ""  # set by who opens it, unless it belongs to no node
        self.names: dict[str, Any] = {}
        self.finished = False

    def next_move(self) -> Move:
        """Return where to go on: at the beginning, and each time the way within has ended.

        Raises:
            WorkflowError, Jump: what had been put off until now.
        """
        raise NotImplementedError

    def intercept(self, cause: Cause) -> Move | None:
        """Return where to go on in spite of `cause`, None when that is for blocks further out."""
        raise NotImplementedError

    def takes(self, error: WorkflowError) -> bool:  # noqa: ARG002  most take none
        """Tell whether the run goes on after `error`, so that it is no failure of the whole."""
        return False

    def state(self) -> Any:
        """Return, as JSON has it, what `reopen` of its type of node needs; None when it cannot be opened again."""
        return None
