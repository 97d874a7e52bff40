"""What the server is told of the types of nodes."""

import json

import pytest

from workers.node_types import publication
from workers.workflow.nodes import NODE_TYPES
from workers.workflow.registry import NodeType, Registry


def test_every_type_is_told_whole() -> None:
    for told in publication(NODE_TYPES).node_types:
        assert told.description.endswith(".")
        assert json.loads(told.inputs)["type"] == json.loads(told.outputs)["type"] == "object"
        assert set(told.required_inputs) <= set(json.loads(told.inputs)["properties"])


def test_a_type_is_told_with_its_inputs_defaults_and_ports() -> None:
    told = next(one for one in publication(NODE_TYPES).node_types if one.name == "IfNode")

    assert list(told.exec_ports) == ["true", "false"]
    assert list(told.required_inputs) == ["condition"]
    assert "BranchNode" in told.aliases
    assert json.loads(told.outputs)["properties"] == {"result": {"type": "boolean"}}


def test_a_type_whose_inputs_and_outputs_are_those_of_another_workflow_is_told_as_open() -> None:
    told = next(one for one in publication(NODE_TYPES).node_types if one.name == "ExecuteWorkflowNode")

    assert json.loads(told.inputs)["additionalProperties"] is True
    assert json.loads(told.outputs)["additionalProperties"] is True


def test_no_name_means_two_types_and_none_is_both_known_and_refused() -> None:
    names = [name for kind in NODE_TYPES.values() for name in (kind.name, *kind.aliases)]

    assert len(names) == len(set(names))
    assert not set(names) & set(NODE_TYPES.refused)


@pytest.mark.parametrize("name", ["MessageBoxNode", "ExcelOpenNode", "SendHotKeyNode", "RunPythonScriptNode"])
def test_refused_types_are_told_with_their_reason(name: str) -> None:
    assert publication(NODE_TYPES).refused[name]


def test_a_type_that_is_there_already_is_not_replaced() -> None:
    other = NodeType("LogNode", "mine", "Another one.", lambda _given, _step: {})

    assert Registry([*NODE_TYPES.values(), other])["LogNode"] is NODE_TYPES["LogNode"]


def test_inputs_and_outputs_of_one_type_have_names_of_their_own() -> None:
    for kind in NODE_TYPES.values():
        for values in (kind.inputs, kind.outputs):
            names = [name for one in values for name in (one.name, *one.aliases)]
            assert len(names) == len(set(names)), kind.name
