"""Workflows that do what their author meant, in every dialect of file."""

from collections.abc import Callable
from typing import Any

import pytest

from server.orchestrator.workflows.dialects.canonical import canonical_graph
from tests.unit.workflow.drawing import DIALECTS, Run, Workflow, run

SUM_OF_A_LIST = Workflow(
    nodes=[
        ("total", "SetVariable", {"variable_name": "total", "value": 0}),
        ("numbers", "SetVariable", {"variable_name": "numbers", "value": [1, 2, 3, 4, 5]}),
        ("each", "ForLoopStart", {"items": "{{numbers}}"}),
        ("add", "MathOperation", {"a": "{{total}}", "b": "{{each.current_item}}", "operation": "add"}),
        ("keep", "SetVariable", {"variable_name": "total", "value": "{{add.result}}"}),
        ("end", "ForLoopEnd", {"paired_start_id": "each"}),
        ("log", "Log", {"message": "The sum is {{total}}"}),
    ],
    edges="total > numbers > each; each.body > add; add > keep > end; each.completed > log",
)


def sums_to_15(ended: Run) -> None:
    assert ended.variables["total"] == 15
    assert ended.said == ["The sum is 15"]


STRING_FORMAT = Workflow(
    nodes=[
        ("start", "Start", {}),
        ("format", "FormatString", {"template": "{name} is {age}", "variables": {"name": "{{who}}", "age": 30}}),
        ("log", "Log", {}),
        ("end", "End", {}),
    ],
    edges="start > format > log > end; format.result > log.message",
    variables={"who": "Alice"},
)


def says_alice_is_30(ended: Run) -> None:
    assert ended.said == ["Alice is 30"]


MATH_CHAIN = Workflow(
    nodes=[
        ("start", "Start", {}),
        ("sum", "MathOperation", {"a": 10, "b": 10, "operation": "add"}),
        ("product", "MathOperation", {"b": 4, "operation": "multiply", "output_var": "product"}),
        ("half", "MathOperation", {"a": "{{product}}", "b": 2, "operation": "divide"}),
        ("log", "Log", {"message": "${half.result} %product%"}),
    ],
    edges="start > sum > product > half > log; sum.result > product.a",
)


def comes_to_40(ended: Run) -> None:
    assert ended.outputs["half"] == {"result": 40}
    assert ended.said == ["40 80"]


FILTER = Workflow(
    nodes=[
        ("values", "SetVariable", {"variable_name": "values", "value": [5, 25, 10, 40]}),
        ("each", "ForLoopStart", {"items": "{{values}}", "item_var": "value"}),
        ("large", "If", {"condition": "{{value}} > 20"}),
        ("log", "Log", {"message": "{{value}}"}),
        ("merge", "Merge", {}),
        ("end", "ForLoopEnd", {"paired_start_id": "each"}),
    ],
    edges="values > each; each.body > large; large.true > log; log > merge > end; large.false > merge",
)


def logs_25_and_40(ended: Run) -> None:
    assert ended.said == ["25", "40"]


WHILE = Workflow(
    nodes=[
        ("init", "SetVariable", {"variable_name": "counter", "value": 0}),
        ("while", "WhileLoopStart", {"condition": "{{counter}} <= 3"}),
        ("log", "Log", {"message": "{{counter}}"}),
        ("next", "IncrementVariable", {"variable_name": "counter"}),
        ("end", "WhileLoopEnd", {"paired_start_id": "while"}),
    ],
    edges="init > while; while.body > log; log > next > end",
)


def logs_0_to_3(ended: Run) -> None:
    assert ended.said == ["0", "1", "2", "3"]
    assert ended.variables["counter"] == 4


DICTS = Workflow(
    nodes=[
        ("start", "Start", {}),
        ("make", "CreateDict", {"key_1": "name", "value_1": "Ada", "born": 1815}),
        ("set", "DictSet", {"dict": "{{make.dict}}", "key": "job", "value": "countess"}),
        ("get", "DictGet", {"key": "name"}),
        ("log", "Log", {"message": "{{get.value}} {{set.result.born}} {{set.result['job']}}"}),
    ],
    edges="start > make > set > get > log; set.result > get.dict",
)


def gives_back_what_was_put_in(ended: Run) -> None:
    assert ended.said == ["Ada 1815 countess"]


NESTED_LOOPS = Workflow(
    nodes=[
        ("start", "Start", {}),
        ("rows", "ForLoopStart", {"items": ["a", "b", "c"], "item_var": "row"}),
        ("last", "If", {"condition": "{{row}} == 'c'"}),
        ("stop", "Break", {}),
        ("cells", "ForLoopStart", {"mode": "range", "start": 1, "end": 5, "item_var": "cell"}),
        ("second", "If", {"condition": "cell == 2"}),
        ("skip", "Continue", {}),
        ("fourth", "If", {"condition": "{{cell}} >= 4"}),
        ("enough", "Break", {}),
        ("log", "Log", {"message": "{{row}}{{cell}}"}),
        ("cells_end", "ForLoopEnd", {"paired_start_id": "cells"}),
        ("rows_end", "ForLoopEnd", {"paired_start_id": "rows"}),
        ("done", "Log", {"message": "done"}),
    ],
    edges="""
        start > rows; rows.body > last; last.true > stop; last.false > cells; rows.completed > done
        cells.body > second; second.true > skip; second.false > fourth; fourth.true > enough; fourth.false > log
        log > cells_end; cells.completed > rows_end
    """,
)


def leaves_out_twos_and_stops_at_fours(ended: Run) -> None:
    assert ended.said == ["a1", "a3", "b1", "b3", "done"]


TRY = Workflow(
    nodes=[
        ("start", "Start", {}),
        ("try", "Try", {}),
        ("first", "Log", {"message": "body"}),
        ("throw", "ThrowError", {"message": "no luck", "error_type": "BadLuck"}),
        ("never", "Log", {"message": "never"}),
        ("catch", "Catch", {"paired_try_id": "try"}),
        ("caught", "Log", {"message": "caught {{catch.error_type}}: {{error_message}}"}),
        ("finally", "Finally", {"paired_try_id": "try"}),
        ("last", "Log", {"message": "finally"}),
        ("after", "Log", {"message": "after"}),
    ],
    edges="""
        start > try; try.try_body > first; first > throw > never; catch.catch_body > caught
        finally.finally_body > last; try.exec_out > after
    """,
)


def goes_body_catch_finally_after(ended: Run) -> None:
    assert ended.said == ["body", "caught BadLuck: no luck", "finally", "after"]


RETRY = Workflow(
    nodes=[
        ("start", "Start", {}),
        ("retry", "Retry", {"max_attempts": 5, "delay_ms": 0}),
        ("count", "IncrementVariable", {"variable_name": "tries"}),
        ("check", "Assert", {"condition": "{{tries}} >= 3", "message": "too early"}),
        ("log", "Log", {"message": "good at {{retry.attempt_number}}"}),
    ],
    edges="start > retry; retry.retry_body > count; count > check; retry.success > log",
)


def is_good_at_the_third_try(ended: Run) -> None:
    assert ended.variables["tries"] == 3
    assert ended.said == ["good at 3"]


FORK = Workflow(
    nodes=[
        ("start", "Start", {}),
        ("fork", "Fork", {"branch_count": 2}),
        ("left", "SetVariable", {"variable_name": "left", "value": 1}),
        ("wait", "Wait", {"duration": 0.01}),
        ("right", "SetVariable", {"variable_name": "right", "value": 2}),
        ("join", "Join", {}),
        ("log", "Log", {"message": "{{left}} {{right}} {{right.value}}"}),
    ],
    edges="start > fork; fork.branch_1 > left; fork.branch_2 > wait; wait > right > join; left > join; join > log",
)


def waits_for_both_branches(ended: Run) -> None:
    # A variable goes before the outputs of a node of the same name.
    assert ended.variables == {"left": 1, "right": 2}
    assert ended.visited.count("join") == 1
    assert ended.visited[-1] == "log"


SUBFLOW = Workflow(
    nodes=[
        ("start", "Start", {}),
        (
            "double",
            "Subflow",
            {
                "graph": {
                    "nodes": [
                        {
                            "id": "sum",
                            "type": "MathOperationNode",
                            "config": {"a": "{{n}}", "b": "{{n}}", "output_var": "result"},
                        }
                    ],
                    "connections": [],
                },
                "variables": {"n": "{{number}}"},
            },
        ),
        ("log", "Log", {"message": "{{double.result}} {{double.outputs.sum.result}}"}),
    ],
    edges="start > double > log",
    variables={"number": 21},
)


def doubles_21_within(ended: Run) -> None:
    assert ended.said == ["42 42"]
    assert ended.visited == ["start", "double/sum", "double", "log"]
    assert ended.variables == {"number": 21}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("workflow", "holds"),
    [
        (SUM_OF_A_LIST, sums_to_15),
        (STRING_FORMAT, says_alice_is_30),
        (MATH_CHAIN, comes_to_40),
        (FILTER, logs_25_and_40),
        (WHILE, logs_0_to_3),
        (DICTS, gives_back_what_was_put_in),
        (NESTED_LOOPS, leaves_out_twos_and_stops_at_fours),
        (TRY, goes_body_catch_finally_after),
        (RETRY, is_good_at_the_third_try),
        (FORK, waits_for_both_branches),
        (SUBFLOW, doubles_21_within),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_workflow_does_what_its_author_meant(workflow: Workflow, holds: Callable[[Run], None], dialect: str) -> None:
    file: dict[str, Any] = DIALECTS[dialect](workflow)

    ended = run(canonical_graph(file))

    assert ended.error == ""
    holds(ended)
