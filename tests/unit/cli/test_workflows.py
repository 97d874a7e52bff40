"""How `switchyard workflow` shows differences and types of nodes."""

import json

import pytest

from server.cli.failures import CommandFailed, ExitCode
from server.cli.orchestrator.node_types import find, value_texts
from server.cli.orchestrator.workflow_versions import difference_lines
from switchyard.orchestrator.v1.node_type_service_pb2 import NodeType
from switchyard.orchestrator.v1.workflow_service_pb2 import DiffWorkflowResponse

ChangedNode = DiffWorkflowResponse.ChangedNode


def test_each_difference_is_a_line() -> None:
    answer = DiffWorkflowResponse(
        added_nodes=["a"],
        removed_nodes=["b"],
        changed_nodes=[
            ChangedNode(node_id="c", old_type="LogNode", new_type="LogNode", old_config='{"n": 1}', new_config="{}"),
            ChangedNode(node_id="d", old_type="LogNode", new_type="WaitNode", new_config='{"seconds": 1}'),
        ],
        added_connections=["a.out -> c.in"],
        removed_connections=["b.out -> c.in"],
        settings_changed=True,
    )

    assert list(difference_lines(answer)) == [
        "+ node a",
        "- node b",
        '~ node c (LogNode): {"n": 1} -> {}',
        '~ node d (LogNode -> WaitNode): {} -> {"seconds": 1}',
        "+ connection a.out -> c.in",
        "- connection b.out -> c.in",
        "~ settings or variables",
    ]


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({}, "x: any"),
        ({"type": "string"}, "x: string"),
        ({"type": ["string", "boolean"]}, "x: string or boolean"),
        ({"type": "integer", "default": 3}, "x: integer = 3"),
        ({"type": "string", "default": "ä", "enum": ["ä", "b"]}, 'x: string = "ä", one of ä, b'),
    ],
)
def test_a_value_of_a_node_is_shown_by_its_type(told: dict[str, object], text: str) -> None:
    assert list(value_texts(json.dumps({"properties": {"x": told}}))) == [text]
    assert list(value_texts(json.dumps({"properties": {"x": told}}), required=["x"])) == [f"{text}, required"]


def test_a_type_is_found_by_any_of_its_names() -> None:
    log = NodeType(name="LogNode", aliases=["PrintNode"])

    assert find([NodeType(name="StartNode"), log], "PrintNode") == log
    with pytest.raises(CommandFailed, match="'NoNode'") as refusal:
        find([log], "NoNode")
    assert refusal.value.exit_code is ExitCode.NOT_FOUND
