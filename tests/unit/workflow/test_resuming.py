"""A run that is cut short goes on in a next attempt from the state it has kept, as if nothing had been."""

import asyncio
import random
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings

from server.orchestrator.workflows.dialects.canonical import canonical_graph
from switchyard.orchestrator.v1.graph_pb2 import Graph
from tests.unit.workflow.drawing import ListHost, Run, Workflow, as_dict
from tests.unit.workflow.drawing_plans import PLANS, Drawing, Plan
from workers.workflow import run_graph
from workers.workflow.errors import NodeFailed
from workers.workflow.limits import Limits

RESUME = {"resume": True}


class MarkingHost(ListHost):
    """Knows how much had been executed when each state was kept."""

    def __init__(self, checkpoint: bytes = b"", secrets: Mapping[str, str] | None = None) -> None:
        super().__init__(checkpoint=checkpoint, secrets=secrets)
        self.marks: list[int] = []

    async def keep(self, checkpoint: bytes) -> None:
        await super().keep(checkpoint)
        self.marks.append(len(self.executions))


def attempt(
    graph: Graph, host: ListHost, variables: Mapping[str, Any] | None = None, limits: Limits | None = None
) -> Run:
    return Run(asyncio.run(run_graph(graph, variables or {}, host, limits=limits, chance=random.Random(1))), host)


def told(run: Run, begin: int = 0) -> list[Any]:
    return [[one[key] for key in ("node_id", "index", "status", "outputs")] for one in run.host.executions[begin:]]


def check_every_cut(graph: Graph) -> int:
    """Cut a run behind each state it keeps, go on from there, and compare; return how many there were."""
    host = MarkingHost()
    whole = attempt(graph, host)
    for kept, mark in zip(host.kept, host.marks, strict=True):
        rest = attempt(graph, MarkingHost(kept))
        assert rest.host.went_on
        assert told(rest) == told(whole, mark)
        assert rest.variables == whole.variables
        assert rest.outputs == whole.outputs
        assert rest.error == whole.error
        assert rest.end.steps == whole.end.steps
    return len(host.kept)


def drawn(nodes: list[Any], edges: str, **settings: Any) -> Graph:
    return canonical_graph(as_dict(Workflow(nodes, edges, settings=RESUME | settings)))


WAIT = ("wait", "Wait", {"duration": 0})
ADD = ("add", "IncrementVariable", {"variable_name": "x", "increment": "{{item}}"})


@pytest.mark.parametrize(
    ("graph", "states"),
    [
        (drawn([("a", "Log", {}), WAIT, ("b", "Log", {})], "a > wait > b"), 1),
        (
            drawn(
                [("s", "Start", {}), ("for", "ForLoopStart", {"items": [1, 2, 3]}), WAIT, ADD],
                "s > for; for.body > wait; wait > add",
            ),
            3,
        ),
        (
            drawn(
                [("s", "Start", {}), ("for", "ForLoopStart", {"items": {"a": 1, "b": 2}}), ADD, WAIT],
                "s > for; for.body > add; add > wait",
            ),
            2,
        ),
        (
            drawn(
                [("s", "Start", {}), ("for", "ForLoopStart", {"mode": "range", "end": 3}), ADD, WAIT],
                "s > for; for.body > add; add > wait",
            ),
            3,
        ),
        (
            drawn(
                [
                    ("s", "SetVariable", {"name": "x", "value": 0}),
                    ("while", "While", {"condition": "x < 3"}),
                    WAIT,
                    ("add", "IncrementVariable", {"variable_name": "x"}),
                ],
                "s > while; while.body > wait; wait > add",
            ),
            3,
        ),
        (
            drawn(
                [
                    ("s", "Start", {}),
                    ("retry", "Retry", {"max_attempts": 4, "delay": 0}),
                    WAIT,
                    ("add", "IncrementVariable", {"variable_name": "x"}),
                    ("check", "Assert", {"condition": "x == 3"}),
                ],
                "s > retry; retry.retry_body > wait; wait > add > check",
            ),
            3,
        ),
        (
            drawn(
                [
                    ("s", "Start", {}),
                    ("try", "Try", {}),
                    WAIT,
                    ("bad", "ThrowError", {"message": "no", "error_type": "Bad"}),
                    ("catch", "Catch", {"paired_try_id": "try"}),
                    ("wait2", "Wait", {"duration": 0}),
                    ("log", "Log", {"message": "{{catch.error_type}} {{error_message}}"}),
                    ("throw", "ThrowError", {"message": "again"}),
                    ("finally", "Finally", {"paired_try_id": "try"}),
                    ("wait3", "Wait", {"duration": 0}),
                ],
                """
                s > try; try.try_body > wait; wait > bad; catch.catch_body > wait2; wait2 > log > throw
                finally.finally_body > wait3
                """,
            ),
            3,
        ),
        (  # several ways from one port, and several roots
            drawn(
                [("a", "Log", {}), ("b", "Wait", {"duration": 0}), ("c", "Wait", {"duration": 0}), ("d", "Log", {}),
                 ("e", "Wait", {"duration": 0}), ("f", "Log", {})],
                "a > b > d; a > c > d; e > f",
            ),
            3,
        ),
        (  # only the first of two ways comes to where they meet
            drawn(
                [("a", "Log", {}), ("b", "Log", {}), WAIT, ("no", "If", {"condition": False}), ("d", "Log", {})],
                "a > b > d; a > wait > no; no.true > d",
            ),
            1,
        ),
        (  # one way ends the run, and the other one is gone before
            drawn(
                [("s", "Start", {}), ("for", "ForLoopStart", {"items": [1, 2]}), ("a", "Merge", {}), ("end", "End", {}),
                 WAIT, ("no", "If", {"condition": False})],
                "s > for; for.body > a; a > end; a > wait > no",
            ),
            1,
        ),
        (  # branches begin again with the node that opened them
            drawn(
                [WAIT, ("fork", "Fork", {}), ("l", "Wait", {"duration": 0}), ("r", "Log", {}), ("join", "Join", {}),
                 ("end", "Log", {})],
                "wait > fork; fork.branch_1 > l; fork.branch_2 > r; l > join; r > join; join > end",
            ),
            2,
        ),
    ],
    ids=["chain", "for", "object", "range", "while", "retry", "try", "ways", "one", "left", "fork"],
)  # fmt: skip
def test_an_attempt_goes_on_behind_what_has_acted(graph: Graph, states: int) -> None:
    assert check_every_cut(graph) == states


@settings(max_examples=60, deadline=None)
@given(PLANS)
def test_any_workflow_that_is_cut_anywhere_ends_as_if_it_had_not_been(plan: Plan) -> None:
    drawing = Drawing(plan, waiting=True)

    check_every_cut(drawn(drawing.nodes, ";".join(drawing.edges)))


def test_the_state_of_another_graph_is_no_use() -> None:
    host = MarkingHost()
    attempt(drawn([("a", "Log", {}), WAIT], "a > wait"), host)

    again = attempt(drawn([("b", "Log", {}), WAIT], "b > wait"), MarkingHost(host.kept[0]))

    assert again.visited == ["b", "wait"]
    assert "The run begins anew" in again.warned[0]


@pytest.mark.parametrize("cut", [1, 40, -1])
def test_a_state_that_cannot_be_read_is_no_use(cut: int) -> None:
    graph = drawn([("a", "Log", {}), WAIT], "a > wait")
    host = MarkingHost()
    attempt(graph, host)

    again = attempt(graph, MarkingHost(host.kept[0][:cut]))

    assert (again.visited, again.error) == (["a", "wait"], "")


def test_a_workflow_that_does_not_resume_keeps_nothing_and_begins_anew() -> None:
    graph = drawn([("a", "Log", {}), WAIT], "a > wait")
    host = MarkingHost()
    attempt(graph, host)
    graph.settings.resume = False

    again = attempt(graph, other := MarkingHost(host.kept[0]))

    assert again.visited == ["a", "wait"]
    assert other.kept == []


def test_a_state_that_cannot_be_kept_is_told_once_and_ends_nothing() -> None:
    class Full(ListHost):
        async def keep(self, checkpoint: bytes) -> None:
            raise NodeFailed("the disk is full")

    nodes = [("for", "ForLoopStart", {"items": [1, 2]}), WAIT]
    graph = drawn([("s", "Start", {}), *nodes], "s > for; for.body > wait")

    assert attempt(graph, Full()).warned == [
        "The state of the run cannot be kept for a next attempt: the disk is full."
    ]
    assert "larger than 10 bytes" in attempt(graph, ListHost(), limits=Limits(checkpoint_bytes=10)).warned[0]


def test_what_was_secret_in_an_earlier_attempt_still_is() -> None:
    nodes = [
        ("set", "SetVariable", {"variable_name": "token", "value": "hunter22"}),
        ("copy", "SetVariable", {"variable_name": "copy", "value": "{{token}}"}),
        ("forget", "SetVariable", {"variable_name": "token", "value": ""}),
        WAIT,
        ("log", "Log", {"message": "{{copy}}"}),
    ]
    graph = drawn(nodes, "set > copy > forget > wait > log")
    host = MarkingHost()
    attempt(graph, host)

    again = attempt(graph, MarkingHost(host.kept[0]))

    assert again.said[-1] == "***"
    assert again.variables["copy"] == "***"
