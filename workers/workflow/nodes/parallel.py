"""Several ways at the same time: fork and join, and a loop whose turns run side by side."""

from collections.abc import Iterator, Mapping
from typing import Any

from workers.workflow.branches import Branch, Branches, meeting
from workers.workflow.nodes.loops import ENTRIES, PORT_ALIASES, parsed
from workers.workflow.registry import EXEC_OUT, Given, Input, NodeType, Output, Result
from workers.workflow.step import Step

CATEGORY = "control"
_MOST_AT_A_TIME = 100


def _fork(_given: Given, step: Step) -> Result:
    ports = [port for port in step.node.edges if port.startswith("branch_")]
    join, strict = step.once(lambda: _join(step, ports))
    return Branches((Branch(port, {}, {}) for port in ports), len(ports), EXEC_OUT, join, strict)


def _join(step: Step, ports: list[str]) -> tuple[str | None, bool]:
    """Return where the branches of a fork meet, and whether each of them must come there."""
    node, nodes = step.node, step.nodes
    named = node.config.get("paired_join_id")
    if named in nodes:
        return str(named), True
    for other in nodes.values():
        if other.config.get("paired_fork_id") == node.id:
            return other.id, True
    starts = [target for port in ports for target in node.edges[port]]
    if not starts:
        return None, False
    joins = {other.id for other in nodes.values() if other.kind is not None and other.kind.name == "JoinNode"}
    join = meeting(nodes, starts, joins.__contains__)
    return (join, True) if join is not None else (meeting(nodes, starts, lambda _: True), False)


def _joined(_given: Given, _step: Step) -> Result:
    return {}


def _parallel_for_each(given: Given, _step: Step) -> Result:
    items = parsed(given["items"])
    values = list(items.values()) if isinstance(items, Mapping) else list(items)
    at_a_time = max(1, min(_MOST_AT_A_TIME, given["max_concurrency"], len(values)))
    return Branches(
        _turns(values, given["item_var"]), at_a_time, "completed", outputs=lambda count: {"total_items": count}
    )


def _turns(items: list[Any], name: str) -> Iterator[Branch]:
    for index, item in enumerate(items):
        yield Branch("body", {"current_item": item, "current_index": index}, {name: item})


NODES = (
    NodeType(
        "ForkNode",
        CATEGORY,
        "Takes the ways from branch_1, branch_2 ... at the same time; they meet at a join.",
        _fork,
        inputs=(Input("branch_count", "integer", default=2),),
        exec_ports=("branch_*", EXEC_OUT),
        aliases=("ParallelNode",),
    ),
    NodeType(
        "JoinNode",
        CATEGORY,
        "Where the branches of a fork meet; goes on when all are there.",
        _joined,
        exec_inputs=("exec_in", "exec_in_*", "in_*", "branch_*"),
    ),
    NodeType(
        "ParallelForEachNode",
        CATEGORY,
        "Takes the way from body for each item, several at a time, then that from completed.",
        _parallel_for_each,
        inputs=(
            Input("items", required=True, aliases=("list", "collection")),
            Input("max_concurrency", "integer", default=5, aliases=("batch_size", "max_parallel")),
            Input("item_var", "text", default="item"),
        ),
        outputs=(
            Output("current_item", aliases=("item",)),
            Output("current_index", "integer", aliases=("index",)),
            Output("total_items", "integer"),
        ),
        exec_ports=("body", "completed"),
        port_aliases=PORT_ALIASES,
        exec_inputs=ENTRIES,
    ),
)
