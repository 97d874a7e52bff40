"""What values nodes are given, and what is told of them."""

import json
from typing import Any

import pytest

from tests.unit.workflow.drawing import Workflow, run
from workers.workflow.limits import Limits


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("{{number}}", 7),  # exactly one reference keeps its type
        ("{{ list }}", [1, {"b": 2}]),
        ("n={{number}}", "n=7"),
        ("${number}", 7),
        ("%number%", 7),
        ("{{map.a[1].b}}", 3),
        ("{{map['a'][-1].b}}", 3),
        ("{{list.0}}", 1),
        ("{{source.value}}", 7),  # an output of a node
        ("{{some-node.v1.value}}", 9),  # of one with a dot in its id
        ("{{flag}} {{nothing}} {{list}}", 'true  [1, {"b": 2}]'),
        ("{{$currentDate}}", "2026-01-15"),
        ("{{$currentTime}}", "12:00:05"),
        ("{{$currentDateTime}}", "2026-01-15T12:00:05"),
        ("{{$timestamp}}", 1768478405),
        ({"deep": ["{{number}}", "x"]}, {"deep": [7, "x"]}),
        ("100% of 50% of", "100% of 50% of"),
        ("{{inner}}", "{{number}}"),  # what is put in is not looked at again
    ],
)
def test_a_reference_is_replaced_by_what_it_means(written: Any, meant: Any) -> None:
    variables = {
        "number": 7,
        "list": [1, {"b": 2}],
        "map": {"a": [0, {"b": 3}]},
        "flag": True,
        "nothing": None,
        "inner": "{{number}}",
    }
    ended = run(
        Workflow(
            [
                ("source", "SetVariable", {"variable_name": "s", "value": 7}),
                ("some-node.v1", "SetVariable", {"variable_name": "t", "value": 9}),
                ("set", "SetVariable", {"variable_name": "x", "value": written}),
            ],
        ),
        variables,
    )

    assert ended.variables["x"] == meant
    assert ended.warned == []


@pytest.mark.parametrize("written", ["{{unknown}}", "a {{map.b}} c", "${nobody}", "%nobody%", "{{list[9]}}"])
def test_an_unknown_name_stays_and_warns_once(written: str) -> None:
    set_x = {"variable_name": "x", "value": written}
    ended = run(
        Workflow([("a", "SetVariable", set_x), ("b", "SetVariable", set_x)], "a > b"), {"map": {"a": 1}, "list": [1]}
    )

    assert ended.variables["x"] == written
    assert len(ended.warned) == 1


def test_a_connection_wins_over_the_configuration_as_soon_as_it_has_a_value() -> None:
    nodes = [
        ("first", "Log", {"message": "configured"}),
        ("value", "SetVariable", {"variable_name": "v", "value": "connected"}),
        ("second", "Log", {"message": "configured"}),
    ]
    ended = run(Workflow(nodes, "first > value > second; value.value > first.message; value.value > second.message"))

    assert ended.said == ["configured", "connected"]


def test_of_two_connections_the_newest_value_counts() -> None:
    ended = run(
        Workflow(
            [
                ("if", "If", {"condition": "{{left}}"}),
                ("a", "SetVariable", {"variable_name": "v", "value": "left"}),
                ("b", "SetVariable", {"variable_name": "v", "value": "right"}),
                ("merge", "Merge", {}),
                ("log", "Log", {}),
            ],
            """
            if.true > a; if.false > b; a > merge; b > merge; merge > log
            a.value > log.message; b.value > log.message
            """,
        ),
        {"left": False},
    )

    assert ended.said == ["right"]


def test_variables_of_the_run_win_over_those_of_the_file() -> None:
    workflow = Workflow([("log", "Log", {"message": "{{a}} {{b}}"})], variables={"a": 1, "b": 2})

    assert run(workflow, {"b": 3}).said == ["1 3"]


def test_executions_tell_everything_in_order() -> None:
    ended = run(
        Workflow(
            [
                ("start", "Start", {}),
                ("for", "ForLoopStart", {"items": [5]}),
                ("sum", "MathOperation", {"a": "{{item}}", "b": 2}),
            ],
            "start > for; for.body > sum",
        )
    )

    assert [(one["node_id"], one["index"]) for one in ended.host.executions] == [
        ("start", 0),
        ("for", 0),
        ("sum", 0),
        ("for", 1),
    ]
    summed = ended.host.executions[2]
    assert json.loads(summed["inputs"]) == {"a": 5, "b": 2, "operation": "add", "round_digits": None}
    assert json.loads(summed["outputs"]) == {"result": 7}
    assert (summed["node_type"], summed["status"]) == ("MathOperationNode", "completed")


def test_executions_are_cut_to_size_and_in_number() -> None:
    workflow = Workflow(
        [
            ("start", "Start", {}),
            ("for", "ForLoopStart", {"mode": "range", "end": 100}),
            ("set", "SetVariable", {"variable_name": "x", "value": ["long " * 1000] * 1000}),
        ],
        "start > for; for.body > set",
    )
    ended = run(workflow, limits=Limits(executions=50, executions_bytes=5000))

    assert ended.error == ""
    assert ended.end.steps == 202
    assert len(ended.host.executions) == 50
    assert sum(len(one["inputs"]) + len(one["outputs"]) for one in ended.host.executions) < 5300


def test_the_result_is_cut_to_size_and_stays_json() -> None:
    nodes = [(f"n{i}", "SetVariable", {"variable_name": f"v{i}", "value": "x" * 50_000}) for i in range(40)]

    ended = run(Workflow([*nodes, ("small", "SetVariable", {"variable_name": "small", "value": 1})]))

    assert ended.variables["small"] == 1
    assert len(ended.end.variables) <= Limits().result_bytes


def test_secrets_are_told_to_nobody() -> None:
    ended = run(
        Workflow(
            [
                ("log", "Log", {"message": "login with {{password}}"}),
                (
                    "set",
                    "SetVariable",
                    {"variable_name": "copy", "value": {"Authorization": "Bearer x", "p": "{{password}}"}},
                ),
                ("throw", "ThrowError", {"message": "refused: hunter22"}),
            ],
            "log > set > throw",
        ),
        {"password": "hunter22"},
    )

    told = f"{ended.host.lines}{ended.host.executions}{ended.end}{ended.error}"
    assert "hunter22" not in told
    assert "Bearer x" not in told
    assert ended.variables["copy"] == {"Authorization": "***", "p": "***"}
