"""Where in a file the graph stands: at the top, or within what a template wraps around it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from server.errors import InvalidArgument

# Keys under which the graph of a template, of an export or of our own copy of a file is found.
ENVELOPES: Final = ("base_workflow", "workflow_definition", "workflow_json")

Object = Mapping[str, Any]


def layers_of(file: Object) -> Sequence[Object]:
    """Return the objects on the way to the graph, the outermost first; the last one has the key "nodes".

    Raises:
        InvalidArgument: there are no nodes, or several graphs.
    """
    layers = [file]
    while "nodes" not in layers[-1]:
        layers.append(_inside(layers[-1]))
    return layers


def _inside(outer: Object) -> Object:
    found = {name: outer[name] for name in ENVELOPES if _has_graph(outer.get(name))}
    if not found:
        raise InvalidArgument.field("workflow_json", "must contain 'nodes' key")
    if len(found) > 1:
        raise InvalidArgument.field("workflow_json", f"must contain one graph, not one in each of {', '.join(found)}")
    inside: Object = next(iter(found.values()))
    return inside


def _has_graph(value: object) -> bool:
    return isinstance(value, dict) and ("nodes" in value or any(_has_graph(value.get(name)) for name in ENVELOPES))
