"""How far a run of a graph has come, node by node, from what the run says of itself. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["waiting", "running", "completed", "failed", "skipped", "stopped"]


@dataclass(slots=True)
class NodeProgress:
    """One node. `turns` and `duration_ms` are of its executions that ended; `begun` is when the one under way began."""

    node_id: str
    node_type: str
    state: State = "waiting"
    turns: int = 0
    duration_ms: int = 0
    begun: float | None = None
    last: int = 0

    def milliseconds(self, now: float) -> int:
        """Return how long it has been at work until `now`, on the clock of `GraphProgress.take`."""
        return self.duration_ms + (0 if self.begun is None else round((now - self.begun) * 1000))


class GraphProgress:
    """The nodes of one run, `nodes` giving id and type of each in the order of the file."""

    def __init__(self, nodes: Iterable[tuple[str, str]]) -> None:
        self.executions = 0
        self.nodes: Mapping[str, NodeProgress] = {
            node_id: NodeProgress(node_id, node_type) for node_id, node_type in nodes
        }
        # A run names the node it comes to as people read it.
        self._by_words = {f"{node.node_id} ({node.node_type})": node for node in self.nodes.values()}
        self._count = 0

    def take(self, name: str, value: Any, *, now: float) -> None:
        """Take a message of the run at `now`, in seconds. Those that say nothing of nodes are passed over."""
        if name == "progress":
            self._begin(value[1], now)
        elif name == "executed":
            for execution in value:
                self._executed(execution)

    def shown(self, room: int) -> Sequence[NodeProgress]:
        """Return at most `room` nodes in the order of the file: those that something happened to last, then others."""
        chosen = sorted(self.nodes.values(), key=lambda node: -node.last)[:room]
        ids = {node.node_id for node in chosen}
        return [node for node in self.nodes.values() if node.node_id in ids]

    def end(self) -> None:
        """Say that the run is over: what was under way was stopped."""
        for node in self.nodes.values():
            if node.begun is not None:
                node.state, node.begun = "stopped", None

    def _begin(self, words: str, now: float) -> None:
        node = self._by_words.get(words)
        if node is not None:
            node.state, node.begun = "running", now
            self._touch(node)

    def _executed(self, execution: Mapping[str, Any]) -> None:
        self.executions += 1
        node = self.nodes.get(execution["node_id"])
        if node is None:  # of a workflow within this one
            return
        node.state, node.begun = execution["status"], None
        node.turns += 1
        node.duration_ms += execution["duration_ms"]
        self._touch(node)

    def _touch(self, node: NodeProgress) -> None:
        self._count += 1
        node.last = self._count
