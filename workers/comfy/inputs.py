"""Values for widgets: `{node id or title: {widget: value}}` laid over a graph. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from workers.comfy.errors import Invalid
from workers.comfy.workflow import Graph, name_in, title_of

# Widgets that a sentence lists.
_LISTED: Final = 20


@dataclass(frozen=True, slots=True)
class Change:
    """One widget and its new value."""

    node_id: str
    widget: str
    value: Any


def changes_of(graph: Graph, text: str) -> list[Change]:
    """Return what the JSON in `text` (empty for nothing) wants changed in `graph`.

    A key that is the id of a node means that node, also where another one has it as its title.

    Raises:
        Invalid: it names a node or a widget that is not there, or not one alone, or one that is connected.
    """
    return [
        Change(node_id, widget, value)
        for key, widgets in _inputs(text).items()
        for node_id in [_node_id(graph, key)]
        for widget, value in _widgets(key, widgets).items()
        if _check_widget(graph, node_id, widget)
    ]


def applied(graph: Graph, changes: Sequence[Change]) -> str:
    """Return `graph` as JSON with the new values, which it has itself afterwards."""
    for change in changes:
        graph[change.node_id]["inputs"][change.widget] = _as_value(change.value)
    return orjson.dumps(graph).decode()


def is_link(graph: Graph, value: object) -> bool:
    """Tell whether the value of an input is a connection, [node id, number of its output]."""
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[1], int)
        and isinstance(value[0], str)
        and value[0] in graph
    )


def _as_value(value: Any) -> Any:
    # A list could be read as a connection; ComfyUI unwraps this (execution.py, get_input_data).
    return {"__value__": value} if isinstance(value, list) else value


def _inputs(text: str) -> Mapping[str, Any]:
    try:
        value = orjson.loads(text) if text else {}
    except orjson.JSONDecodeError as error:
        raise Invalid(f"inputs is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise Invalid("inputs must be an object of nodes")
    return value


def _widgets(key: str, widgets: object) -> Mapping[str, Any]:
    if not isinstance(widgets, dict):
        raise Invalid(f"inputs: {key!r:.80} must be an object of widgets and their values")
    return widgets


def _node_id(graph: Graph, key: str) -> str:
    if key in graph:
        return key
    titled = [node_id for node_id, node in graph.items() if title_of(node) == key]
    if len(titled) == 1:
        return titled[0]
    if titled:
        raise Invalid(
            f"inputs: {len(titled)} nodes have the title {key!r:.80}: {', '.join(titled[:_LISTED])}; name one by its id"
        )
    raise Invalid(f"inputs: no node that is executed has the id or title {key!r:.80}")


def _check_widget(graph: Graph, node_id: str, widget: str) -> bool:
    inputs = graph[node_id]["inputs"]
    if widget not in inputs:
        there = ", ".join([name for name, value in inputs.items() if not is_link(graph, value)][:_LISTED]) or "none"
        raise Invalid(f"inputs: {name_in(graph, node_id)} has no widget {widget!r:.80}; it has: {there}")
    if is_link(graph, inputs[widget]):
        source = name_in(graph, inputs[widget][0])
        raise Invalid(f"inputs: {widget!r:.80} of {name_in(graph, node_id)} is connected to {source}")
    return True
