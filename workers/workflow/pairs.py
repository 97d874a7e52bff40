"""Which catch and which finally belong to which try, as their author drew them. Pure."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from workers.workflow.branches import distances
from workers.workflow.graph_index import IndexedNode

TRY: Final = "TryNode"
CATCH: Final = "CatchNode"
FINALLY: Final = "FinallyNode"
PAIRED_TRY: Final = "paired_try_id"


class Parts(NamedTuple):
    """The nodes of a try, None where there is none."""

    catch: str | None
    finally_: str | None


def parts_of_tries(nodes: Mapping[str, IndexedNode]) -> Mapping[str, Parts]:
    """Return the parts of each try by its id.

    A part names its try; or an edge leads from the try to it; or control comes to it from the try; or it is the next
    one in the file that belongs to no other try.
    """
    tries = [node for node in nodes.values() if _is(node, TRY)]
    catches = _paired(nodes, tries, CATCH)
    finals = _paired(nodes, tries, FINALLY)
    return {one.id: Parts(catches.get(one.id), finals.get(one.id)) for one in tries}


def _paired(nodes: Mapping[str, IndexedNode], tries: list[IndexedNode], kind: str) -> dict[str, str]:
    parts = [node for node in nodes.values() if _is(node, kind)]
    pairs = {str(part.config[PAIRED_TRY]): part.id for part in parts if part.config.get(PAIRED_TRY)}
    taken = set(pairs.values())
    for find in (_nearest, _next_in_file):
        # The innermost try is drawn last, and its parts are nearest to it.
        for one in reversed(tries):
            if one.id not in pairs:
                free = [part.id for part in parts if part.id not in taken]
                found = find(nodes, one, free)
                if found is not None:
                    pairs[one.id] = found
                    taken.add(found)
    return pairs


def _nearest(nodes: Mapping[str, IndexedNode], one: IndexedNode, parts: list[str]) -> str | None:
    reached = distances(nodes, one.id)
    return min((part for part in parts if part in reached), key=lambda part: reached[part], default=None)


def _next_in_file(nodes: Mapping[str, IndexedNode], one: IndexedNode, parts: list[str]) -> str | None:
    order = {node_id: place for place, node_id in enumerate(nodes)}
    return next((part for part in parts if order[part] > order[one.id]), None)


def _is(node: IndexedNode, kind: str) -> bool:
    return not node.disabled and node.kind is not None and node.kind.name == kind
