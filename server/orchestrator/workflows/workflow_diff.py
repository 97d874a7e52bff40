"""What differs between two graphs, by what they mean: order of keys, dialect and positions do not count. Pure."""

from collections.abc import Mapping

import orjson

from switchyard.orchestrator.v1.graph_pb2 import Connection, Graph, Node
from switchyard.orchestrator.v1.workflow_service_pb2 import DiffWorkflowResponse


def difference(old: Graph, new: Graph) -> DiffWorkflowResponse:
    """Return what has to be done to `old` to make it mean the same as `new`. The versions are left to the caller."""
    before, after = _nodes(old), _nodes(new)
    old_ends, new_ends = _ends(old), _ends(new)
    return DiffWorkflowResponse(
        added_nodes=[node_id for node_id in after if node_id not in before],
        removed_nodes=[node_id for node_id in before if node_id not in after],
        changed_nodes=[
            _changed(before[node_id], node)
            for node_id, node in after.items()
            if node_id in before and not _same(before[node_id], node)
        ],
        added_connections=[end for end in new_ends if end not in old_ends],
        removed_connections=[end for end in old_ends if end not in new_ends],
        settings_changed=old.settings != new.settings or _value(old.variables) != _value(new.variables),
    )


def _nodes(graph: Graph) -> Mapping[str, Node]:
    return {node.id: node for node in graph.nodes}


def _ends(graph: Graph) -> Mapping[str, Connection]:
    return {
        f"{end.source_node}.{end.source_port} -> {end.target_node}.{end.target_port}": end for end in graph.connections
    }


def _same(old: Node, new: Node) -> bool:
    return (old.type, old.disabled) == (new.type, new.disabled) and (
        old.config == new.config or _value(old.config) == _value(new.config)
    )


def _changed(old: Node, new: Node) -> DiffWorkflowResponse.ChangedNode:
    return DiffWorkflowResponse.ChangedNode(
        node_id=new.id, old_type=old.type, new_type=new.type, old_config=old.config, new_config=new.config
    )


def _value(text: str) -> object:
    return orjson.loads(text or "{}")
