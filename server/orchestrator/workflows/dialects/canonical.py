"""A workflow file of any dialect -> the one graph that is executed."""

from collections.abc import Mapping
from typing import Any

from server.orchestrator.workflows.dialects.connections import connections_of
from server.orchestrator.workflows.dialects.envelope import layers_of
from server.orchestrator.workflows.dialects.nodes import nodes_of
from server.orchestrator.workflows.dialects.settings import settings_of
from server.orchestrator.workflows.dialects.variables import variables_of
from switchyard.orchestrator.v1.graph_pb2 import Graph


def canonical_graph(file: Mapping[str, Any]) -> Graph:
    """Return the graph of `file`, a JSON object.

    Raises:
        InvalidArgument: it holds none, or one that cannot be executed. The sentence names the node or connection.
    """
    layers = layers_of(file)
    inner = layers[-1]
    nodes = nodes_of(inner["nodes"])
    return Graph(
        nodes=nodes,
        connections=connections_of(inner.get("connections"), {node.id for node in nodes}),
        variables=variables_of(layers),
        settings=settings_of(layers),
    )
