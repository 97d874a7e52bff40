"""Other workflows within this one: by id or name, or drawn into the node."""

from collections.abc import Mapping
from typing import Any

import orjson
from google.protobuf.json_format import ParseDict, ParseError

from switchyard.orchestrator.v1.graph_pb2 import Graph
from workers.workflow.errors import GraphInvalid, MissingInput, NodeFailed
from workers.workflow.registry import EXEC_OUT, Given, Input, Leave, NodeType, Output, Result
from workers.workflow.step import Step
from workers.workflow.values import shown
from workers.workflow.within import execute_within

CATEGORY = "control"
_ERROR = "error"


async def _execute(given: Given, step: Step) -> Result:
    graph, secrets = await _found(given, step)
    named = {name: value for name, value in given.items() if name not in _DECLARED and value is not None}
    try:
        inner = await execute_within(step, graph, {**(given["variables"] or {}), **named}, secrets)
    except NodeFailed as failure:
        if _ERROR not in step.node.edges:
            raise
        return Leave(_ERROR, {"success": False, "error_message": failure.reason, "error_type": failure.error_type})
    variables, outputs = dict(inner.scope.variables), dict(inner.outputs())
    return {**variables, "variables": variables, "outputs": outputs, "success": True}


async def _found(given: Given, step: Step) -> tuple[Graph, Mapping[str, str]]:
    """Return the graph to execute and the secrets that it may see."""
    if given["graph"] is not None:
        return _drawn(given["graph"], step), step.execution.secrets
    name = given["workflow"]
    if not name:
        raise MissingInput("its input 'workflow' is missing")
    found = await step.host.workflow(name)
    return found.graph, found.secrets


def _drawn(written: Mapping[str, Any], step: Step) -> Graph:
    """Return the graph that stands in the configuration of a node.

    In the canonical form alone: nodes as a list of `id`, `type`, `config`, connections as a list of `source_node`,
    `source_port`, `target_node`, `target_port`; variables by name.
    """
    nodes, variables = written.get("nodes"), written.get("variables", {})
    if not isinstance(nodes, list) or not all(isinstance(node, dict) for node in nodes):
        raise _unreadable("its nodes must be a list of objects", step)
    fields = {
        **written,
        "nodes": [{**node, "config": orjson.dumps(node.get("config") or {}).decode()} for node in nodes],
        "variables": orjson.dumps(variables).decode(),
    }
    try:
        return ParseDict(fields, Graph())
    except ParseError as error:
        raise _unreadable(str(error), step) from error


def _unreadable(reason: str, step: Step) -> GraphInvalid:
    return GraphInvalid(f"the graph in its input 'graph' cannot be read: {shown(reason)}", node_id=step.node.path)


_INPUTS = (
    Input("workflow", "text", aliases=("workflow_id", "workflow_name", "subworkflow_id", "subflow_id", "subworkflow")),
    # What it refers to means something within only.
    Input("graph", "object", aliases=("definition", "workflow_definition", "subgraph"), raw=True),
    Input("variables", "object", aliases=("inputs", "parameters", "input_variables", "input_mapping")),
)
_DECLARED = frozenset(one.name for one in _INPUTS)


def _type(name: str, aliases: tuple[str, ...]) -> NodeType:
    return NodeType(
        name,
        CATEGORY,
        "Executes another workflow, by id or name or as a graph; gives out the variables it ends with.",
        _execute,
        inputs=_INPUTS,
        outputs=(
            Output("variables", "object"),
            Output("outputs", "object"),
            Output("success", "boolean"),
            Output("error_message", "text"),
            Output("error_type", "text"),
        ),
        aliases=aliases,
        exec_ports=(EXEC_OUT, _ERROR),
        port_aliases={"success": EXEC_OUT, "completed": EXEC_OUT, "failure": _ERROR, "on_error": _ERROR},
        open_inputs=True,
        open_outputs=True,
    )


NODES = (
    _type("ExecuteWorkflowNode", ("RunWorkflowNode", "CallWorkflowNode", "WorkflowCallNode")),
    _type("SubflowNode", ("CallSubflowNode", "SubWorkflowNode", "SubworkflowNode", "CallSubworkflowNode")),
)
