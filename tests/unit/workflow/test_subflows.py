"""Workflows that execute workflows."""

from typing import Any

import pytest

from server.orchestrator.workflows.dialects.canonical import canonical_graph
from switchyard.orchestrator.v1.graph_pb2 import Graph
from tests.unit.workflow.drawing import Drawn, ListHost, Run, Workflow, as_dict, run
from workers.workflow.limits import Limits


def graph(nodes: list[Drawn], edges: str = "", variables: dict[str, Any] | None = None, **settings: Any) -> Graph:
    return canonical_graph(as_dict(Workflow(nodes, edges, variables or {}, settings)))


ADD = graph(
    [
        ("sum", "MathOperation", {"a": "{{a}}", "b": "{{b}}"}),
        ("set", "SetVariable", {"name": "c", "value": "{{sum.result}}"}),
    ],
    "sum > set",
    {"a": 1, "b": 2},
)


def run_calling(inner: Graph, config: dict[str, Any], *more: Drawn, edges: str = "", **given: Any) -> Run:
    host = ListHost(workflows={"inner": inner}, secrets=given.pop("secrets", None))
    workflow = Workflow(
        [("call", "ExecuteWorkflow", {"workflow": "inner", **config}), *more], edges, given.pop("variables", {})
    )
    return run(workflow, host=host, **given)


def test_a_workflow_is_executed_with_variables_and_gives_out_those_of_its_end() -> None:
    ended = run_calling(
        ADD,
        {"variables": {"b": "{{five}}"}, "a": 10},
        ("log", "Log", {"message": "{{call.c}} {{call.variables.b}} {{call.outputs.sum.result}}"}),
        edges="call > log",
        variables={"five": 5},
    )
    assert ended.said == ["15 5 15"]
    assert ended.variables == {"five": 5}


def test_its_executions_are_told_under_the_node() -> None:
    ended = run_calling(ADD, {})

    assert ended.visited == ["call/sum", "call/set", "call"]
    assert ended.end.steps == 3


def test_it_sees_nothing_of_what_is_around_it() -> None:
    ended = run_calling(graph([("log", "Log", {"message": "{{outside}}"})]), {}, variables={"outside": 1})

    assert ended.said == ["{{outside}}"]


def test_a_failure_within_names_the_node_within_and_can_be_caught() -> None:
    inner = graph([("bad", "ThrowError", {"message": "no", "error_type": "Bad"})])

    assert run_calling(inner, {}).error == "Node 'call/bad': no"
    ended = run(
        Workflow(
            [
                ("s", "Start", {}),
                ("try", "Try", {}),
                ("call", "Subflow", {"subflow_id": "inner"}),
                ("catch", "Catch", {"error_types": "bad"}),
                ("log", "Log", {"message": "{{error_message}} at {{error_node}}"}),
            ],
            "s > try; try.try_body > call; catch.catch_body > log",
        ),
        host=ListHost(workflows={"inner": inner}),
    )
    assert ended.said == ["no at call/bad"]


def test_a_failure_within_leaves_by_error_where_that_leads_anywhere() -> None:
    inner = graph([("bad", "ThrowError", {"message": "no"})])
    ended = run_calling(inner, {}, ("log", "Log", {"message": "{{call.error_message}}"}), edges="call.error > log")

    assert (ended.error, ended.said) == ("", ["no"])


@pytest.mark.parametrize(
    ("inner", "path", "sentence"),
    [
        (graph([("x", "NoSuch", {})]), "call/x", "there is no type"),
        (graph([("x", "Break", {})]), "call/x", "stands in no open block"),
        (graph([("s", "Switch", {"value": 1}), ("l", "Log", {})], "s.case_2 > l"), "call/s", "leads nowhere"),
    ],
)
def test_a_graph_within_that_cannot_be_executed_names_its_node(inner: Graph, path: str, sentence: str) -> None:
    ended = run_calling(inner, {})

    assert ended.end.error is not None
    assert (ended.error_type, ended.end.error.node_id) == ("GraphInvalid", path)
    assert sentence in ended.error


def test_workflows_that_execute_one_another_without_end_are_ended() -> None:
    ended = run_calling(graph([("again", "ExecuteWorkflow", {"workflow_id": "inner"})]), {})

    assert ended.error_type == "LimitExceeded"
    assert "workflows execute one another more than 10 deep" in ended.error


def test_steps_within_count_for_the_run() -> None:
    loop = graph(
        [("s", "Start", {}), ("for", "ForLoopStart", {"mode": "range", "end": 100}), ("log", "Log", {})],
        "s > for; for.body > log",
    )

    assert "more than 50 steps" in run_calling(loop, {}, limits=Limits(steps=50)).error


def test_a_graph_within_has_its_own_time() -> None:
    ended = run_calling(graph([("wait", "Wait", {"duration": 600})], timeout=1), {})

    assert (ended.error_type, ended.error) == ("Timeout", "Node 'call': it took more than 1 seconds")


def test_a_workflow_that_is_not_there_fails_the_node() -> None:
    ended = run(Workflow([("call", "ExecuteWorkflow", {"workflow": "{{name}}"})]), {"name": "nobody"})

    assert ended.error == "Node 'call': there is no workflow 'nobody'"


@pytest.mark.parametrize("config", [{"graph": {"nodes": {"a": {}}}}, {"graph": {"nodes": [{"id": "a", "typ": "b"}]}}])
def test_a_graph_that_is_drawn_into_a_node_must_be_in_the_canonical_form(config: dict[str, Any]) -> None:
    ended = run(Workflow([("call", "Subflow", config)]))

    assert ended.error.startswith("Node 'call': the graph in its input 'graph' cannot be read")


def test_secrets_within_are_its_own_and_are_masked() -> None:
    inner = graph([("log", "Log", {"message": "{{secrets.inner}}"})])
    ended = run_calling(
        inner, {}, ("after", "Log", {"message": "hunter22"}), edges="call > after", secrets={"inner": "hunter22"}
    )

    assert ended.said == ["***", "***"]
