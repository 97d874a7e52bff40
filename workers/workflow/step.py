"""What a node can do and see besides its inputs."""

import random
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from workers.flow.host import Level
from workers.workflow.blocks import Block
from workers.workflow.graph_index import IndexedNode
from workers.workflow.host import Host
from workers.workflow.limits import Limits
from workers.workflow.registry import Given

if TYPE_CHECKING:
    from workers.workflow.execution import Execution
    from workers.workflow.scope import Scope


class Companion(Protocol):
    """What several nodes of one run share and what has an end: a browser, connections."""

    async def close(self, *, failed: bool) -> None:
        """End it; `failed` tells how the run came out."""


T = TypeVar("T")
S = TypeVar("S", bound=Companion)


class Step:
    """The execution of one node, as the node sees it. One for each way through the graph; `node` changes."""

    __slots__ = ("blocks", "execution", "node", "scope")

    def __init__(self, execution: "Execution", scope: "Scope", blocks: list[Block]) -> None:
        self.execution = execution  # of the graph that the node belongs to
        self.scope = scope
        self.blocks = blocks  # the innermost last
        self.node: IndexedNode = None  # type: ignore[assignment]  # set before each execution

    @property
    def config(self) -> Mapping[str, Any]:
        """The configuration of the node as it is written."""
        return self.node.config

    @property
    def limits(self) -> Limits:
        """What the run may use."""
        return self.execution.run.limits

    @property
    def nodes(self) -> Mapping[str, IndexedNode]:
        """The nodes of the graph by id."""
        return self.execution.index.nodes

    @property
    def random(self) -> random.Random:
        """Where chance comes from."""
        return self.execution.run.random

    @property
    def host(self) -> Host:
        """The world outside the run, which is shown nothing secret."""
        return self.execution.run.host

    def of_run(self, make: Callable[[Host], S]) -> S:
        """Return what `make` makes, once for all nodes of the run, and closed at its end."""
        return self.execution.run.companion(make)

    def now(self) -> datetime:
        """Return the time, aware, UTC."""
        return self.execution.run.host.now()

    def log(self, level: Level, message: str) -> None:
        """Write one line of the run's log."""
        self.host.log(level, message)

    def set(self, name: str, value: object) -> None:
        """Set a variable.

        Raises:
            NodeFailed: the name cannot be one, or the value is too large.
        """
        self.execution.set_variable(name, value)

    def bound(self) -> Callable[[], Given]:
        """Return what gives the inputs of the node as they are when it is called; that may raise NodeFailed."""
        node, execution, scope = self.node, self.execution, self.scope
        return lambda: execution.bind(node, scope)

    def once(self, find: Callable[[], T]) -> T:
        """Return what `find` finds out about the graph around the node; it is called once in a run."""
        memory = self.execution.memory
        if self.node.id not in memory:
            memory[self.node.id] = find()
        found: T = memory[self.node.id]
        return found
