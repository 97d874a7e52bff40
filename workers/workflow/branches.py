"""Several ways out of one node: where they meet again, and how a node asks for them. Pure."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from workers.workflow.graph_index import IndexedNode


class Branch(NamedTuple):
    """One way: the port it begins with, outputs of the node that only this way sees, and names likewise."""

    port: str
    outputs: Mapping[str, Any]
    names: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Branches:
    """What a node gives back that wants several ways gone at the same time, at most `concurrency` of them.

    They end at `join`, where the run goes on; without one, the node is left by `after` when all have ended. `strict`:
    each way must come to the join.
    """

    ways: Iterable[Branch]
    concurrency: int
    after: str
    join: str | None = None
    strict: bool = False
    # Outputs of the node when all ways have ended, from their number.
    outputs: Callable[[int], Mapping[str, Any]] = field(default=lambda _: {})


def meeting(nodes: Mapping[str, IndexedNode], starts: Sequence[str], wanted: Callable[[str], bool]) -> str | None:
    """Return the nearest wanted node that all ways from `starts` can come to, None when there is none.

    Nearest is what the longest of the ways reaches first; of two equally near ones, the one the first way meets first.
    """
    reached = [distances(nodes, start) for start in starts]
    common = [node_id for node_id in reached[0] if all(node_id in others for others in reached[1:])]
    return min(filter(wanted, common), key=lambda node_id: max(steps[node_id] for steps in reached), default=None)


def distances(nodes: Mapping[str, IndexedNode], start: str) -> dict[str, int]:
    """Return the nodes that control can come to from `start`, the nearest first, by number of steps."""
    found = {start: 0}
    waiting = deque([start])
    while waiting:
        node_id = waiting.popleft()
        for targets in nodes[node_id].edges.values():
            for target in targets:
                if target not in found:
                    found[target] = found[node_id] + 1
                    waiting.append(target)
    return found
