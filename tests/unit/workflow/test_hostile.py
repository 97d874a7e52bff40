"""What a graph asks for on purpose ends in a sentence, in time, and within memory."""

from typing import Any

import pytest

from tests.unit.workflow.drawing import Drawn, Workflow, run
from workers.workflow.errors import NodeFailed
from workers.workflow.patterns import compiled, matches, replaced


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(a+)+b", "a" * 40),
        ("a*b", "a" * 200_000),  # the library looks at no signal within this one
        ("(a|a.)" * 40 + "c", "a" * 80),
    ],
)
def test_a_pattern_that_takes_too_long_is_ended(pattern: str, text: str) -> None:
    with pytest.raises(NodeFailed, match="takes more than 1 s"):
        matches(compiled(pattern), text)


def test_a_pattern_that_is_looked_at_elsewhere_finds_the_same() -> None:
    text = "key=1, other=22; " * 500

    found = matches(compiled(r"(\w+)=(\d+)?(x)?"), text)

    assert len(found) == 1000
    assert found[1] == (7, ["other=22", "other", "22", None])


@pytest.mark.parametrize(
    ("pattern", "replacement", "text"),
    [
        ("a", "b" * 1000, "a" * 100_000),
        ("(a+)", "\\1" * 100_000, "a" * 5000),
        ("", "b" * 10_000, "a" * 1000),
    ],
)
def test_a_text_does_not_grow_without_bound_by_replacing(pattern: str, replacement: str, text: str) -> None:
    with pytest.raises(NodeFailed, match=r"too large|grows beyond|too much memory"):
        replaced(compiled(pattern), replacement, text, 0)


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("EvalExpression", {"expression": "9**9**9"}),
        ("EvalExpression", {"expression": "9**-9**9"}),
        ("EvalExpression", {"expression": "join({{many}}, {{text}})"}),
        ("EvalExpression", {"expression": "replace({{text}}, 'x', {{text}})"}),
        ("EvalExpression", {"expression": "+".join(["{{text}}"] * 900)}),
        ("MathOperation", {"a": 9, "b": 9**9, "operation": "power"}),
        ("MathOperation", {"a": 1000, "operation": "exp"}),
        ("ListJoin", {"list": "{{many}}", "separator": "{{text}}"}),
        ("ListReduce", {"list": "{{huge}}", "operation": "product"}),
        ("Concatenate", {f"string_{i}": "{{text}}" for i in range(1, 90)}),
        ("FormatString", {"template": "{t}" * 5000, "variables": {"t": "{{text}}"}}),
        ("TextReplace", {"text": "{{text}}", "old": "x", "new": "{{text}}"}),
        ("SetVariable", {"variable_name": "x", "value": "{{many}} " * 5000}),
    ],
)
def test_what_would_take_all_memory_fails_the_node(kind: str, config: dict[str, Any]) -> None:
    variables = {"text": "x" * 900_000, "many": ["y"] * 90_000, "huge": [2**62] * 90_000}

    ended = run(Workflow([("node", kind, config)]), variables)

    assert ended.error.startswith("Node 'node': ")
    assert "MemoryError" not in ended.error


def test_what_a_loop_nests_without_end_fails_the_node() -> None:
    nodes: list[Drawn] = [
        ("s", "SetVariable", {"variable_name": "x", "value": []}),
        ("for", "ForLoopStart", {"mode": "range", "end": 10_000}),
        ("nest", "SetVariable", {"variable_name": "x", "value": ["{{x}}"]}),
    ]
    ended = run(Workflow(nodes, "s > for; for.body > nest"))

    assert ended.error.startswith("Node 'nest': ")
