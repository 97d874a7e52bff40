"""Where control goes."""

from typing import Any

import pytest

from tests.unit.workflow.drawing import Drawn, Workflow, run
from workers.workflow import NodeType, Registry
from workers.workflow.limits import Limits
from workers.workflow.nodes import NODE_TYPES


def log(node_id: str) -> Drawn:
    return (node_id, "Log", {"message": node_id})


def test_a_run_begins_at_its_start_and_nowhere_else() -> None:
    ended = run(Workflow([log("lonely"), ("start", "Start", {}), log("next")], "start > next"))

    assert ended.visited == ["start", "next"]


def test_without_a_start_it_begins_at_a_trigger() -> None:
    ended = run(
        Workflow(
            [log("lonely"), ("hook", "WebhookTrigger", {}), ("log", "Log", {})],
            "hook > log; hook.payload > log.message",
        ),
        {"payload": {"a": 1}},
    )

    assert ended.visited == ["hook", "log"]
    assert ended.said == ['{"a": 1}']


def test_without_either_it_begins_wherever_nothing_leads_to() -> None:
    ended = run(Workflow([log("a"), log("b"), log("c")], "a > c"))

    assert ended.visited == ["a", "c", "b"]


def test_a_graph_without_nodes_is_done_at_once() -> None:
    assert run(Workflow([])).error == ""


def test_the_published_example_succeeds() -> None:
    assert run(Workflow([("start", "Start", {}), ("end", "End", {})])).error == ""


def test_a_disabled_node_is_passed_through() -> None:
    ended = run(Workflow([log("a"), ("b", "ThrowError", {"_disabled": True}), log("c")], "a > b > c"))

    assert [execution["status"] for execution in ended.host.executions] == ["completed", "skipped", "completed"]


def test_a_disabled_loop_takes_no_turn() -> None:
    ended = run(
        Workflow(
            [("for", "ForLoopStart", {"items": [1], "_disabled": True}), log("body"), log("after")],
            "for.body > body; for.completed > after",
        )
    )

    assert ended.visited == ["for", "after"]


def test_ways_from_one_port_are_gone_in_turn_and_meet_once() -> None:
    ended = run(Workflow([log("a"), log("b"), log("c"), log("d")], "a > b > d; a > c > d"))

    assert ended.visited == ["a", "b", "c", "d"]


def test_a_way_that_ends_does_not_keep_its_neighbour_from_being_gone() -> None:
    ended = run(Workflow([log("a"), ("end", "End", {}), log("b")], "a > end; a > b"))

    assert ended.visited == ["a", "end", "b"]


@pytest.mark.parametrize(
    ("value", "edges", "taken"),
    [
        ("b", "switch.case_b > yes; switch.default > no", "yes"),
        ("b", "switch.case_1 > yes; switch.default > no", "yes"),  # by place, when only that leads anywhere
        ("z", "switch.case_b > no; switch.default > yes", "yes"),
        (2, "switch.case_2 > yes; switch.default > no", "yes"),
    ],
)
def test_a_switch_leaves_by_value_then_by_place_then_by_default(value: Any, edges: str, taken: str) -> None:
    ended = run(Workflow([("switch", "Switch", {"value": value, "cases": ["a", "b"]}), log("yes"), log("no")], edges))

    assert ended.visited == ["switch", taken]


def test_a_switch_without_a_way_for_its_value_is_a_dead_end() -> None:
    ended = run(Workflow([("switch", "Switch", {"value": "z", "cases": ["a"]}), log("a")], "switch.case_a > a"))

    assert ended.error_type == "GraphInvalid"
    assert "Node 'switch': no case is 'z'" in ended.error


def test_an_end_inside_of_a_loop_ends_the_run_and_runs_finallys() -> None:
    ended = run(
        Workflow(
            [
                ("start", "Start", {}),
                ("for", "ForLoopStart", {"items": [1, 2]}),
                ("try", "Try", {}),
                ("end", "End", {}),
                ("finally", "Finally", {"paired_try_id": "try"}),
                log("cleanup"),
                log("after"),
            ],
            "start > for; for.body > try; try.try_body > end; finally.finally_body > cleanup; for.completed > after",
        )
    )

    assert ended.said == ["cleanup"]


def test_a_loop_that_is_closed_by_an_edge_back_to_its_start_turns_too() -> None:
    ended = run(
        Workflow(
            [("for", "ForLoopStart", {"items": "abc"}), ("log", "Log", {"message": "{{item}}"})], "for.body > log > for"
        )
    )

    # Nothing leads to a loop from outside, so that nothing begins it.
    assert ended.error_type == "GraphInvalid"

    ended = run(
        Workflow(
            [
                ("start", "Start", {}),
                ("for", "ForLoopStart", {"items": "abc"}),
                ("log", "Log", {"message": "{{item}}"}),
            ],
            "start > for; for.body > log; log > for",
        )
    )
    assert ended.said == ["a", "b", "c"]


def test_what_follows_the_end_of_a_loop_follows_the_loop() -> None:
    ended = run(
        Workflow(
            [
                ("start", "Start", {}),
                ("for", "ForLoopStart", {"items": [1, 2]}),
                log("body"),
                ("end", "ForLoopEnd", {"paired_start_id": "for"}),
                log("after"),
            ],
            "start > for; for.body > body; body > end > after",
        )
    )

    assert ended.said == ["body", "body", "after"]


def test_a_loop_over_an_object_knows_its_keys() -> None:
    ended = run(
        Workflow(
            [
                ("start", "Start", {}),
                ("for", "ForEach", {"items": {"a": 1, "b": 2}}),
                ("log", "Log", {"message": "{{for.current_key}}={{for.current_item}} at {{for.current_index}}"}),
            ],
            "start > for; for.body > log",
        )
    )

    assert ended.said == ["a=1 at 0", "b=2 at 1"]


@pytest.mark.parametrize("items", [None, "{{nothing}}", 5, "[1, 2"])
def test_a_loop_without_a_list_fails_and_does_not_pass_for_a_success(items: Any) -> None:
    ended = run(Workflow([("for", "ForLoopStart", {"items": items}), log("body")], "for.body > body"))

    assert "Node 'for': its input 'items'" in ended.error
    assert ended.host.executions[-1]["status"] == "failed"


def test_a_jump_out_of_a_loop_runs_the_finally_on_its_way() -> None:
    ended = run(
        Workflow(
            [
                ("start", "Start", {}),
                ("for", "ForLoopStart", {"items": [1, 2, 3]}),
                ("try", "Try", {}),
                ("break", "Break", {}),
                ("finally", "Finally", {"paired_try_id": "try"}),
                ("cleanup", "Log", {"message": "cleanup {{item}}"}),
                log("after"),
            ],
            "start > for; for.body > try; try.try_body > break; finally.finally_body > cleanup; for.completed > after",
        )
    )

    assert ended.said == ["cleanup 1", "after"]


def test_an_error_that_nobody_catches_is_raised_behind_the_finally() -> None:
    ended = run(
        Workflow(
            [
                ("start", "Start", {}),
                ("try", "Try", {}),
                ("throw", "ThrowError", {"message": "no"}),
                ("finally", "Finally", {}),
                log("cleanup"),
            ],
            "start > try; try.try_body > throw; finally.finally_body > cleanup",
        )
    )

    assert ended.said == ["cleanup"]
    assert ended.error == "Node 'throw': no"


def test_a_catch_takes_the_errors_it_names_only() -> None:
    nodes: list[Drawn] = [
        ("start", "Start", {}),
        ("outer", "Try", {}),
        ("inner", "Try", {}),
        ("throw", "ThrowError", {"error_type": "Late"}),
        ("inner_catch", "Catch", {"paired_try_id": "inner", "error_types": "Early, Lost"}),
        ("outer_catch", "Catch", {"paired_try_id": "outer", "error_types": ["late"]}),
        log("wrong"),
        log("right"),
    ]
    ended = run(
        Workflow(
            nodes,
            """
            start > outer; outer.try_body > inner; inner.try_body > throw
            inner_catch.catch_body > wrong; outer_catch.catch_body > right
            """,
        )
    )

    assert ended.error == ""
    assert ended.said == ["right"]


def test_try_catch_and_finally_may_stand_in_one_line() -> None:
    """As exporters of this format draw them: each led to from the one before."""
    nodes: list[Drawn] = [
        ("try", "Try", {}),
        log("body"),
        ("catch", "Catch", {}),
        ("finally", "Finally", {}),
        log("after"),
    ]

    ended = run(Workflow(nodes, "try > body > catch > finally > after"))

    assert (ended.error, ended.said) == ("", ["body", "after"])

    nodes[1] = ("body", "ThrowError", {})
    ended = run(Workflow(nodes, "try > body > catch > finally > after"))
    assert (ended.error, ended.said) == ("", ["after"])


def test_a_retry_that_never_succeeds_leaves_by_failure() -> None:
    ended = run(
        Workflow(
            [
                ("start", "Start", {}),
                ("retry", "Retry", {"max_attempts": 2, "delay_ms": 0}),
                ("throw", "ThrowError", {"message": "down"}),
                ("log", "Log", {"message": "{{retry.error_message}} after {{retry.attempt_number}}"}),
            ],
            "start > retry; retry.retry_body > throw; retry.failure > log",
        )
    )

    assert (ended.error, ended.said) == ("", ["down after 2"])


def test_a_retry_without_such_a_way_fails_with_the_last_error() -> None:
    ended = run(
        Workflow(
            [
                ("start", "Start", {}),
                ("retry", "Retry", {"max_attempts": 2, "delay_ms": 0}),
                ("throw", "ThrowError", {"message": "down"}),
            ],
            "start > retry; retry.retry_body > throw",
        )
    )

    assert ended.error == "Node 'throw': down"
    assert ended.visited.count("throw") == 2


def test_stop_on_error_false_goes_on_behind_a_failed_node() -> None:
    ended = run(Workflow([("bad", "ThrowError", {}), log("next")], "bad > next", settings={"stop_on_error": False}))

    assert (ended.error, ended.said) == ("", ["next"])
    assert ended.host.executions[0]["status"] == "failed"


def test_a_run_that_takes_more_time_than_its_settings_allow_is_ended() -> None:
    ended = run(Workflow([("wait", "Wait", {"duration": 600})], settings={"timeout": 1}))

    assert (ended.error_type, ended.error) == ("Timeout", "the run took more than 1 seconds")
    assert ended.end.error is not None
    assert not ended.end.error.retryable


def test_a_condition_that_fails_behind_the_end_of_a_turn_can_be_caught() -> None:
    ended = run(
        Workflow(
            [
                ("set", "SetVariable", {"variable_name": "x", "value": 1}),
                ("try", "Try", {}),
                ("while", "WhileLoopStart", {"condition": "{{x}} < 2"}),
                ("spoil", "SetVariable", {"variable_name": "x", "value": "text"}),
                ("end", "WhileLoopEnd", {"paired_start_id": "while"}),
                ("catch", "Catch", {"paired_try_id": "try"}),
                ("log", "Log", {"message": "{{error_node}}"}),
            ],
            "set > try; try.try_body > while; while.body > spoil; spoil > end; catch.catch_body > log",
        )
    )

    assert (ended.error, ended.said) == ("", ["while"])


def test_a_try_that_was_good_may_be_said_in_one_of_several_ways() -> None:
    ended = run(
        Workflow(
            [
                ("s", "Start", {}),
                ("retry", "Retry", {"max_attempts": 3, "delay": 0}),
                log("a"),
                log("b"),
                ("good", "RetrySuccess", {}),
                ("bad", "ThrowError", {}),
                log("after"),
            ],
            "s > retry; retry.retry_body > a; a > b > good > bad; a > good; retry.success > after",
        )
    )

    assert (ended.error, ended.visited[-1]) == ("", "after")


def test_retry_count_tries_a_failed_node_again() -> None:
    ended = run(Workflow([("bad", "ThrowError", {})], settings={"retry_count": 2}))

    assert ended.error == "Node 'bad': an error was thrown"
    assert [execution["index"] for execution in ended.host.executions] == [0, 1, 2]


def test_a_parallel_loop_takes_a_turn_for_each_item() -> None:
    ended = run(
        Workflow(
            [
                ("start", "Start", {}),
                ("each", "ParallelForEach", {"items": [3, 1, 2], "max_concurrency": 2}),
                ("wait", "Wait", {"duration": 0.001}),
                ("log", "Log", {"message": "{{each.current_item}} {{item}}"}),
                ("after", "Log", {"message": "after {{each.total_items}}"}),
            ],
            "start > each; each.body > wait; wait > log; each.completed > after",
        )
    )

    assert sorted(ended.said[:3]) == ["1 1", "2 2", "3 3"]
    assert ended.said[3] == "after 3"


def test_branches_see_their_own_outputs_and_the_first_failure_ends_the_others() -> None:
    ended = run(
        Workflow(
            [
                ("start", "Start", {}),
                ("fork", "Fork", {}),
                ("bad", "ThrowError", {"message": "left"}),
                ("wait", "Wait", {"duration": 600}),
                ("join", "Join", {}),
            ],
            "start > fork; fork.branch_1 > wait; fork.branch_2 > bad; wait > join; bad > join",
        )
    )

    assert ended.error == "Node 'bad': left"


def test_a_branch_that_never_comes_to_the_join_is_a_dead_end() -> None:
    ended = run(
        Workflow(
            [
                ("start", "Start", {}),
                ("fork", "Fork", {}),
                ("if", "If", {"condition": False}),
                log("other"),
                ("join", "Join", {}),
            ],
            "start > fork; fork.branch_1 > if; if.true > join; fork.branch_2 > other; other > join",
        )
    )

    assert ended.error == "Node 'fork': its branch 'branch_1' ends before 'join'"


@pytest.mark.parametrize(
    ("workflow", "limits", "sentence"),
    [
        (
            Workflow([("a", "Start", {}), ("b", "Merge", {}), ("c", "Merge", {})], "a > b > c; c > b"),
            Limits(steps=50),
            "more than 50 steps",
        ),
        (
            Workflow([("a", "Start", {}), ("w", "While", {"condition": True}), log("l")], "a > w; w.body > l"),
            Limits(turns=5),
            "more than 5 turns",
        ),
        (
            Workflow([("a", "SetVariable", {"variable_name": "x", "value": "y" * 100})]),
            Limits(value_bytes=50),
            "larger than 50 characters",
        ),
    ],
    ids=["steps", "turns", "size"],
)
def test_a_run_that_takes_too_much_is_ended(workflow: Workflow, limits: Limits, sentence: str) -> None:
    ended = run(workflow, limits=limits)

    assert sentence in ended.error
    assert ended.end.error is not None
    assert ended.end.error.node_id


@pytest.mark.parametrize(
    ("nodes", "edges", "node_id", "sentence"),
    [
        ([("a", "NoSuch", {})], "", "a", "there is no type 'NoSuchNode'"),
        ([("a", "MessageBox", {})], "", "a", "is refused: it asks or tells a person"),
        ([("a", "Log", {}), ("b", "Log", {})], "a.next > b", "a", "control cannot leave by 'next'"),
        ([("a", "Log", {}), ("b", "Log", {})], "a > b.message", "b", "control cannot enter by 'message'"),
        ([("a", "Log", {}), ("b", "Log", {})], "a.text > b.message", "a", "there is no output 'text'"),
        ([("a", "TextLength", {}), ("b", "Log", {})], "a.length > b.mesage", "b", "there is no input 'mesage'"),
        ([("a", "Break", {})], "", "a", "stands in no open block"),
        ([("s", "Start", {}), ("a", "ForLoopEnd", {"paired_start_id": "x"})], "s > a", "a", "no open block of 'x'"),
        ([("a", "Merge", {}), ("b", "Merge", {})], "a > b; b > a", "", "there is none to begin with"),
        (
            [("s", "Start", {}), ("a", "TextLength", {"text": "a"}), ("b", "Log", {})],
            "s > b; a.length > b.message",
            "a",
            "control never comes to it, and 'b' takes its 'message' from it",
        ),
    ],
)
def test_a_graph_that_cannot_be_executed_names_the_node(
    nodes: list[Drawn], edges: str, node_id: str, sentence: str
) -> None:
    ended = run(Workflow(nodes, edges))

    assert ended.end.error is not None
    assert (ended.error_type, ended.end.error.node_id) == ("GraphInvalid", node_id)
    assert not ended.end.error.retryable
    assert sentence in ended.error


def test_a_missing_required_input_fails_the_node_when_it_is_executed() -> None:
    ended = run(Workflow([log("first"), ("get", "DictGet", {"key": "a"})], "first > get"))

    assert (ended.error_type, ended.error) == ("MissingInput", "Node 'get': its input 'dict' is missing")
    assert [execution["status"] for execution in ended.host.executions] == ["completed", "failed"]


def test_what_fails_behind_a_node_is_no_failure_of_that_node() -> None:
    ended = run(
        Workflow([log("a"), log("b"), ("bad", "ThrowError", {})], "a > b; a > bad", settings={"retry_count": 1})
    )

    assert ended.visited == ["a", "b", "bad", "bad"]


def test_a_dead_end_is_told_as_a_failed_execution() -> None:
    ended = run(Workflow([("switch", "Switch", {"value": 1, "cases": [2]}), log("a")], "switch.case_2 > a"))

    assert ended.host.executions[-1]["error_type"] == "GraphInvalid"


def test_a_condition_that_fails_in_a_later_turn_fails_its_loop() -> None:
    ended = run(
        Workflow(
            [
                ("set", "SetVariable", {"variable_name": "x", "value": 1}),
                ("while", "While", {"condition": "{{x}} < 2"}),
                ("spoil", "SetVariable", {"variable_name": "x", "value": "text"}),
            ],
            "set > while; while.body > spoil",
        )
    )

    assert ended.error.startswith("Node 'while': 'text' and 2 cannot be compared")
    assert (ended.visited[-1], ended.host.executions[-1]["status"]) == ("while", "failed")


def test_whatever_a_node_raises_it_is_the_node_that_fails() -> None:
    def crash(given: dict[str, Any], step: Any) -> dict[str, Any]:
        raise ZeroDivisionError("oops")

    types = Registry([*NODE_TYPES.values(), NodeType("CrashNode", "mine", "Crashes.", crash)])

    ended = run(Workflow([("bad", "Crash", {})]), types=types)

    assert (ended.error_type, ended.error) == ("ZeroDivisionError", "Node 'bad': ZeroDivisionError: oops")
