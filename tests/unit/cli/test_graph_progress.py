from typing import Any

import pytest

from server.cli.orchestrator.graph_progress import GraphProgress


@pytest.fixture
def progress() -> GraphProgress:
    return GraphProgress([("start", "StartNode"), ("each", "ForLoopStartNode"), ("wait", "WaitNode")])


def execution(node_id: str, *, status: str = "completed", duration_ms: int = 0) -> dict[str, Any]:
    return {"node_id": node_id, "status": status, "duration_ms": duration_ms}


def states(progress: GraphProgress) -> dict[str, str]:
    return {node.node_id: node.state for node in progress.nodes.values()}


def test_a_node_waits_until_the_run_comes_to_it(progress: GraphProgress) -> None:
    progress.take("progress", [0.1, "wait (WaitNode)"], now=0.0)

    assert states(progress) == {"start": "waiting", "each": "waiting", "wait": "running"}


def test_a_node_is_at_work_for_its_turns_and_the_one_under_way(progress: GraphProgress) -> None:
    progress.take("executed", [execution("wait", duration_ms=20), execution("wait", duration_ms=5)], now=0.0)
    progress.take("progress", [None, "wait (WaitNode)"], now=1.0)

    wait = progress.nodes["wait"]
    assert (wait.state, wait.turns, wait.milliseconds(1.5)) == ("running", 2, 525)


def test_the_end_of_an_execution_is_the_state_of_its_node(progress: GraphProgress) -> None:
    progress.take("progress", [None, "wait (WaitNode)"], now=0.0)
    progress.take("executed", [execution("wait", status="failed"), execution("start", status="skipped")], now=9.0)

    assert states(progress) == {"start": "skipped", "each": "waiting", "wait": "failed"}
    assert progress.nodes["wait"].milliseconds(20.0) == 0


def test_what_was_under_way_when_the_run_ended_was_stopped(progress: GraphProgress) -> None:
    progress.take("executed", [execution("start")], now=0.0)
    progress.take("progress", [None, "wait (WaitNode)"], now=0.0)

    progress.end()

    assert states(progress) == {"start": "completed", "each": "waiting", "wait": "stopped"}


def test_nodes_of_a_workflow_within_this_one_are_counted_but_not_shown(progress: GraphProgress) -> None:
    progress.take("progress", [None, "elsewhere (LogNode)"], now=0.0)
    progress.take("executed", [execution("elsewhere")], now=0.0)

    assert progress.executions == 1
    assert set(states(progress).values()) == {"waiting"}


def test_messages_that_say_nothing_of_nodes_change_nothing(progress: GraphProgress) -> None:
    progress.take("log", [0, "info", "wait (WaitNode)"], now=0.0)

    assert set(states(progress).values()) == {"waiting"}


def test_where_there_is_no_room_for_all_those_are_shown_that_something_happened_to_last() -> None:
    progress = GraphProgress((f"n{number}", "LogNode") for number in range(1000))
    progress.take("executed", [execution("n900"), execution("n17"), execution("n3")], now=0.0)

    assert [node.node_id for node in progress.shown(2)] == ["n3", "n17"]
    assert [node.node_id for node in progress.shown(4)] == ["n0", "n3", "n17", "n900"]
