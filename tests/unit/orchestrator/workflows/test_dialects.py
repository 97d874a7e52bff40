"""Five dialects of workflow files, one graph; and the sentences that say what is wrong with a file."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import InvalidArgument
from server.orchestrator.workflows.dialects.canonical import canonical_graph
from switchyard.orchestrator.v1.graph_pb2 import Connection, Graph, Node, Settings

CONTROL = ("a", "exec_out", "b", "exec_in")
DATA = ("a", "result", "b", "message")
NODES = [("a", "SetVariableNode", {"name": "x", "value": 1.5}), ("b", "LogNode", {})]

BY_ID = {
    node_id: {"node_id": node_id, "node_type": kind, "config": config, "position": [10, 20]}
    for node_id, kind, config in NODES
}
AS_LIST = [{"id": node_id, "type": kind, "config": config} for node_id, kind, config in NODES]
CANONICAL = [
    dict(zip(("source_node", "source_port", "target_node", "target_port"), ends, strict=True))
    for ends in (CONTROL, DATA)
]
TEMPLATE = [
    {"from_node": "a", "from_port": "out", "to_node": "b", "to_port": "in"},
    {"from_node": "a", "from_port": "result", "to_node": "b", "to_port": "message"},
]
PAIRS = [{"out": [ends[0], ends[1]], "in": [ends[2], ends[3]]} for ends in (CONTROL, DATA)]

DIALECTS: dict[str, dict[str, Any]] = {
    "nodes by id": {"nodes": BY_ID, "connections": CANONICAL, "frames": [], "metadata": {"name": "w"}},
    "nodes as a list": {"nodes": AS_LIST, "connections": CANONICAL},
    "a list with properties": {
        "nodes": [{"id": node_id, "type": kind, "properties": config} for node_id, kind, config in NODES],
        "connections": CANONICAL,
    },
    "a template": {
        "$schema_version": "2.0.0",
        "name": "Template",
        "base_workflow": {
            "nodes": [
                {"node_id": node_id, "node_type": kind, "config": config, "display_name": kind, "position": [1, 2]}
                for node_id, kind, config in NODES
            ],
            "connections": TEMPLATE,
        },
    },
    "an older template": {"id": "t", "workflow_definition": {"nodes": BY_ID, "connections": CANONICAL}},
    "an export": {"workflow_name": "w", "workflow_json": {"nodes": AS_LIST, "connections": CANONICAL}},
    "a template in an export": {"workflow_json": {"base_workflow": {"nodes": AS_LIST, "connections": TEMPLATE}}},
    "schema v2": {
        "workflow_id": "0b6cb0f4-0000-4000-8000-000000000000",
        "version": "2.0.0",
        "nodes": [
            {"node_id": node_id, "type": kind, "x": 1, "y": 2, "properties": config} for node_id, kind, config in NODES
        ],
        "connections": [
            dict(zip(("from_node", "from_port", "to_node", "to_port"), ends, strict=True)) for ends in (CONTROL, DATA)
        ],
        "variables": [],
    },
    "pairs": {"nodes": BY_ID, "connections": PAIRS},
    "a mixture": {"nodes": [BY_ID["a"], AS_LIST[1]], "connections": [PAIRS[0], CANONICAL[1]]},
    "one connection in two forms": {"nodes": BY_ID, "connections": [CANONICAL[0], PAIRS[0], TEMPLATE[1]]},
    "control without ports": {"nodes": BY_ID, "connections": [{"from_node": "a", "to_node": "b"}, CANONICAL[1]]},
}


def graph(**fields: Any) -> Graph:
    return Graph(
        nodes=[
            Node(id="a", type="SetVariableNode", config='{"name":"x","value":1.5}'),
            Node(id="b", type="LogNode", config="{}"),
        ],
        connections=[
            Connection(source_node=ends[0], source_port=ends[1], target_node=ends[2], target_port=ends[3])
            for ends in (CONTROL, DATA)
        ],
        variables="{}",
        settings=Settings(),
        **fields,
    )


@pytest.mark.parametrize("file", DIALECTS.values(), ids=DIALECTS.keys())
def test_every_dialect_says_the_same_graph(file: dict[str, Any]) -> None:
    assert canonical_graph(file) == graph()


def with_node(**fields: Any) -> dict[str, Any]:
    return {"nodes": [{"id": "a", "type": "LogNode", **fields}]}


def with_connection(*connections: Any) -> dict[str, Any]:
    return {"nodes": AS_LIST, "connections": list(connections)}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no nodes": ({}, "workflow_json must contain 'nodes' key"),
    "an envelope without nodes": ({"base_workflow": {"steps": []}}, "workflow_json must contain 'nodes' key"),
    "an envelope that is none": ({"base_workflow": [1]}, "workflow_json must contain 'nodes' key"),
    "two envelopes": (
        {"base_workflow": {"nodes": []}, "workflow_definition": {"nodes": []}},
        "workflow_json must contain one graph, not one in each of base_workflow, workflow_definition",
    ),
    "nodes as a number": ({"nodes": 5}, "workflow_json.nodes must be a dict or list"),
    "nodes as null": ({"nodes": None}, "workflow_json.nodes must be a dict or list"),
    "nodes as text": ({"nodes": "a"}, "workflow_json.nodes must be a dict or list"),
    "1,001 nodes": (
        {"nodes": [{"id": str(number), "type": "LogNode"} for number in range(1001)]},
        "Workflow exceeds maximum node count (1001 > 1000)",
    ),
    "a node that is a number": ({"nodes": [5]}, "Node number 1 must be an object"),
    "a node by id that is null": ({"nodes": {"a": None}}, "Node 'a' must be an object"),
    "a node without an id": (
        {"nodes": [{"type": "LogNode"}]},
        "Node number 1 must have an id of 1 to 256 characters, as node_id or id",
    ),
    "an id of 257 characters": (
        {"nodes": [{"id": "x" * 257, "type": "LogNode"}]},
        "Node number 1 must have an id of 1 to 256 characters, as node_id or id",
    ),
    "an empty key": ({"nodes": {"": {"type": "LogNode"}}}, "Node '' must have an id of 1 to 256 characters"),
    "two ids": (
        {"nodes": [{"id": "a", "node_id": "b", "type": "LogNode"}]},
        "Node number 1 must not have both node_id 'b' and id 'a'",
    ),
    "another id inside": (
        {"nodes": {"a": {"node_id": "b", "node_type": "LogNode"}}},
        "Node 'a' must not have another id inside: 'b'",
    ),
    "an id twice": ({"nodes": [AS_LIST[0], AS_LIST[0]]}, "Node 'a' must not appear twice: ids are unique"),
    "an id as number and as text": (
        {"nodes": [{"id": 1, "type": "LogNode"}, {"id": "1", "type": "LogNode"}]},
        "Node '1' must not appear twice: ids are unique",
    ),
    "no type": (
        {"nodes": [{"id": "a"}]},
        "Node 'a' must have a type of 1 to 256 characters, as node_type or type",
    ),
    "two types": (with_node(node_type="X"), "Node 'a' must not have both node_type 'X' and type 'LogNode'"),
    "a config that is a list": (with_node(config=[]), "Node 'a': config must be an object"),
    "config against properties": (
        with_node(config={"x": 1}, properties={"x": 2}),
        "Node 'a' must not have 'x' in both config and properties, with two values",
    ),
    "disabled as text": (with_node(config={"_disabled": "yes"}), "Node 'a': _disabled must be true or false"),
    "connections as an object": (
        {"nodes": [], "connections": {}},
        "workflow_json.connections must be a list",
    ),
    "a connection that is text": (with_connection("a -> b"), "Connection number 1 must be an object"),
    "a connection without a source": (
        with_connection({"target_node": "a", "target_port": "exec_in"}),
        "Connection number 1 must have a source_node that is the id of a node",
    ),
    "a node's id that is a list": (
        with_connection({**CANONICAL[0], "source_node": ["a"]}),
        "Connection number 1: source_node must be a text of 1 to 256 characters",
    ),
    "two sources": (
        with_connection({**CANONICAL[0], "from_node": "b", "from_port": "exec_out"}),
        "Connection number 1 must have one source, and has several",
    ),
    "half a pair": (
        with_connection({"out": ["a"], "in": ["b", "exec_in"]}),
        "Connection number 1: out must be a list of a node's id and a port",
    ),
    "a value without a target port": (
        with_connection({"source_node": "a", "source_port": "result", "target_node": "b"}),
        "Connection number 1, 'a' -> 'b', must name its target_port",
    ),
    "to nowhere": (
        with_connection({**CANONICAL[0], "target_node": "ghost"}, {**CANONICAL[1], "source_node": "mist"}),
        (
            "Connections must lead from a node to a node: a.exec_out -> ghost.exec_in, where there is no node 'ghost'; "
            "mist.result -> b.message, where there is no node 'mist'"
        ),
    ),
    "variables as a number": (
        {"nodes": [], "variables": 5},
        "workflow_json.variables must be an object, or a list of objects with name and value",
    ),
    "a variable without a name": (
        {"nodes": [], "variables": [{"value": 1}]},
        "Variable number 1 must be an object with a name",
    ),
    "a variable twice": (
        {"nodes": [], "variables": [{"name": "x"}, {"name": "x"}]},
        "Variable 'x' must not be declared twice",
    ),
    "settings as a list": ({"nodes": [], "settings": []}, "workflow_json.settings must be an object"),
    "a switch as text": (
        {"nodes": [], "settings": {"stop_on_error": "no"}},
        "workflow_json.settings.stop_on_error must be true or false",
    ),
    "eleven retries": (
        {"nodes": [], "settings": {"retry_count": 11}},
        "workflow_json.settings.retry_count must be a whole number from 0 to 10",
    ),
    "retries as true": (
        {"nodes": [], "settings": {"retry_count": True}},
        "workflow_json.settings.retry_count must be a whole number from 0 to 10",
    ),
    "two days": (
        {"nodes": [], "settings": {"timeout": 172800}},
        "workflow_json.settings.timeout must be from 1 to 86,400 seconds",
    ),
    "half a second": (
        {"nodes": [], "settings": {"timeout": 0.5}},
        "workflow_json.settings.timeout must be from 1 to 86,400 seconds",
    ),
}


@pytest.mark.parametrize(("file", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_a_file_that_cannot_be_executed_is_refused_by_a_sentence(file: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        canonical_graph(file)

    assert refusal.value.message == sentence


def test_many_connections_to_nowhere_are_named_in_part() -> None:
    connections = [{"out": ["a", "exec_out"], "in": [f"n{number}", "exec_in"]} for number in range(12)]

    with pytest.raises(InvalidArgument) as refusal:
        canonical_graph({"nodes": AS_LIST, "connections": connections})

    assert refusal.value.message.count("there is no node") == 10
    assert refusal.value.message.endswith("; and 2 more")


def test_a_thousand_nodes_are_taken() -> None:
    file = {"nodes": {f"n{number}": {"node_type": "LogNode"} for number in range(1000)}}

    assert len(canonical_graph(file).nodes) == 1000


@pytest.mark.parametrize(
    "fields",
    [
        {"config": {"x": 1, "_disabled": True}},
        {"config": {"x": 1}, "_disabled": True},
        {"properties": {"x": 1, "_disabled": True}},
    ],
)
def test_a_disabled_node_is_marked_and_its_config_is_not(fields: dict[str, Any]) -> None:
    node = canonical_graph(with_node(**fields)).nodes[0]

    assert (node.disabled, node.config) == (True, '{"x":1}')


def test_config_and_properties_are_taken_together() -> None:
    node = canonical_graph(with_node(config={"x": 1, "y": 2}, properties={"y": 2, "z": None})).nodes[0]

    assert node.config == '{"x":1,"y":2,"z":null}'


def test_ids_that_are_numbers_are_taken_as_text() -> None:
    file = {"nodes": [{"id": 1, "type": "A"}, {"id": 2, "type": "B"}], "connections": [{"from_node": 1, "to_node": 2}]}

    found = canonical_graph(file)

    assert [node.id for node in found.nodes] == ["1", "2"]
    assert (found.connections[0].source_node, found.connections[0].target_node) == ("1", "2")


@pytest.mark.parametrize(
    ("connection", "ports"),
    [
        # A template names the ports of control "out" and "in", and others by their own names.
        ({"from_node": "a", "from_port": "out", "to_node": "b", "to_port": "in"}, ("exec_out", "exec_in")),
        ({"from_node": "a", "from_port": "true", "to_node": "b", "to_port": "in"}, ("true", "exec_in")),
        ({"from_node": "a", "from_port": "out", "to_node": "b", "to_port": "exec_in"}, ("exec_out", "exec_in")),
        ({"from_node": "a", "from_port": "out", "to_node": "b", "to_port": "items"}, ("out", "items")),
        # The other vocabularies have no such words.
        ({"out": ["a", "out"], "in": ["b", "in"]}, ("out", "in")),
        ({"source_node": "a", "source_port": "out", "target_node": "b", "target_port": "in"}, ("out", "in")),
    ],
)
def test_a_template_calls_the_ports_of_control_out_and_in(connection: dict[str, Any], ports: tuple[str, str]) -> None:
    found = canonical_graph({"nodes": AS_LIST, "connections": [connection]}).connections[0]

    assert (found.source_port, found.target_port) == ports


@pytest.mark.parametrize(
    ("file", "variables"),
    [
        ({"variables": {"x": 1, "y": [1, 2], "z": None}}, {"x": 1, "y": [1, 2], "z": None}),
        ({"variables": {"x": {"value": 1}, "y": {"type": "String", "default_value": "a"}}}, {"x": 1, "y": "a"}),
        # The value wins over the default.
        ({"variables": {"x": {"value": None, "default_value": 2}}}, {"x": None}),
        # An object with other keys is a value.
        ({"variables": {"x": {"value": 1, "currency": "EUR"}}}, {"x": {"value": 1, "currency": "EUR"}}),
        ({"variables": [{"name": "x", "type": "INTEGER", "value": 1}, {"name": "y"}]}, {"x": 1, "y": None}),
        # What must be given before a run has no value yet.
        ({"variables": [{"name": "x", "required": True, "default_value": None}]}, {}),
        ({"variables": None}, {}),
        ({"variables": {"x": 12345678901234567890123}}, {"x": 12345678901234567890123}),
    ],
)
def test_variables_are_plain_values_or_declarations(file: dict[str, Any], variables: dict[str, Any]) -> None:
    assert json.loads(canonical_graph({"nodes": [], **file}).variables) == variables


def test_a_graph_wins_over_the_template_around_it() -> None:
    file = {
        "parameters": [{"name": "url", "default_value": "a"}, {"name": "depth", "default_value": 1}],
        "default_variables": [{"name": "url", "default_value": "b"}],
        "default_settings": {"timeout_seconds": 30, "retry_count": 2, "stop_on_error": False},
        "base_workflow": {"nodes": [], "variables": {"depth": 3}, "settings": {"timeout": 60, "stop_on_error": True}},
    }

    found = canonical_graph(file)

    assert json.loads(found.variables) == {"url": "b", "depth": 3}
    assert (found.settings.timeout.seconds, found.settings.retry_count, found.settings.stop_on_error) == (60, 2, True)


@pytest.mark.parametrize(
    "settings",
    [None, {}, {"timeout": 0}, {"timeout": None, "retry_count": None, "stop_on_error": None}, {"retry_count": ""}],
)
def test_settings_that_say_nothing_are_unset(settings: object) -> None:
    found = canonical_graph({"nodes": [], "settings": settings}).settings

    assert not found.HasField("timeout")
    assert not found.HasField("retry_count")
    assert not found.HasField("stop_on_error")


# Any graph, written in any dialect.

IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
# Ports that no vocabulary has a word of its own for.
PORTS = st.sampled_from(["exec_out", "exec_in", "true", "case_1", "result", "items", "ünïcode"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | IDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(IDS, inner, max_size=3),
    max_leaves=6,
)
CONFIGS = st.dictionaries(IDS.filter(lambda name: name != "_disabled"), JSON, max_size=3)


@st.composite
def plain_graphs(draw: st.DrawFn) -> dict[str, Any]:
    ids = draw(st.lists(IDS, min_size=1, max_size=6, unique=True))
    nodes = [(node_id, draw(IDS), draw(CONFIGS), draw(st.booleans())) for node_id in ids]
    ends = st.tuples(st.sampled_from(ids), PORTS, st.sampled_from(ids), PORTS)
    return {"nodes": nodes, "connections": draw(st.lists(ends, max_size=6, unique=True)), "variables": draw(CONFIGS)}


def node_written(node: tuple[str, str, dict[str, Any], bool], draw: Any) -> dict[str, Any]:
    node_id, kind, config, disabled = node
    config = {**config, "_disabled": True} if disabled else config
    return {
        draw(st.sampled_from(["id", "node_id"])): node_id,
        draw(st.sampled_from(["type", "node_type"])): kind,
        draw(st.sampled_from(["config", "properties"])): config,
        "position": [0, 0],
    }


def connection_written(ends: tuple[str, str, str, str], draw: Any) -> dict[str, Any]:
    source_node, source_port, target_node, target_port = ends
    match draw(st.sampled_from(["canonical", "template", "pairs"])):
        case "canonical":
            keys = ("source_node", "source_port", "target_node", "target_port")
            return dict(zip(keys, ends, strict=True))
        case "template":
            control = target_port == "exec_in"
            return {
                "from_node": source_node,
                "from_port": "out" if control and source_port == "exec_out" else source_port,
                "to_node": target_node,
                "to_port": "in" if control else target_port,
            }
    return {"out": [source_node, source_port], "in": [target_node, target_port]}


@given(plain=plain_graphs(), data=st.data())
def test_any_graph_in_any_mixture_of_dialects_is_the_same(plain: dict[str, Any], data: st.DataObject) -> None:
    bodies = [node_written(node, data.draw) for node in plain["nodes"]]
    by_id = {node[0]: body for node, body in zip(plain["nodes"], bodies, strict=True)}
    file: dict[str, Any] = {
        "nodes": data.draw(st.sampled_from([bodies, by_id])),
        "connections": [connection_written(ends, data.draw) for ends in plain["connections"]],
        "variables": [{"name": name, "value": value} for name, value in plain["variables"].items()],
    }
    for name in data.draw(
        st.lists(st.sampled_from(["base_workflow", "workflow_definition", "workflow_json"]), max_size=2)
    ):
        file = {name: file, "name": "around"}

    found = canonical_graph(file)

    nodes = [(node.id, node.type, json.loads(node.config), node.disabled) for node in found.nodes]
    ends = [(end.source_node, end.source_port, end.target_node, end.target_port) for end in found.connections]
    assert nodes == plain["nodes"]
    assert ends == plain["connections"]
    assert json.loads(found.variables) == plain["variables"]
