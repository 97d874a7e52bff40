"""Conditions of `if`."""

from typing import Any

import pytest

from workers.flow.condition import KNOWN, Sight, evaluate, parse
from workers.flow.errors import ConfigInvalid, StepFailed


async def look(sight: Sight, selector: str) -> bool:
    return f"{sight} {selector}" in ("exists #a", "visible #a", "exists #hidden")


@pytest.mark.parametrize(
    ("raw", "holds"),
    [
        ({"equals": ["a", "a"]}, True),
        ({"equals": ["a", "A"]}, False),
        ({"equals": ["3", 3]}, True),  # a CSV has only texts
        ({"equals": ["3.0", 3]}, True),
        ({"equals": ["3", "3.0"]}, False),
        ({"equals": ["x", 3]}, False),
        ({"equals": [True, True]}, True),
        ({"equals": [True, 1]}, False),
        ({"equals": [None, None]}, True),
        ({"equals": [None, 0]}, False),
        ({"equals": [[1], [1]]}, True),
        ({"not_equals": ["a", "b"]}, True),
        ({"contains": ["abc", "b"]}, True),
        ({"contains": ["abc", "d"]}, False),
        ({"contains": [[1, 2], "2"]}, True),
        ({"contains": [{"k": 1}, "k"]}, True),
        ({"greater": ["10", 9]}, True),
        ({"greater": [9, 9]}, False),
        ({"less": [-1, "0"]}, True),
        ({"exists": "#a"}, True),
        ({"exists": "#hidden"}, True),
        ({"visible": "#hidden"}, False),
        ({"is": True}, True),
        ({"is": "false"}, False),
        ({"filled": "x"}, True),
        ({"filled": ""}, False),
        ({"filled": None}, False),
        ({"filled": []}, False),
        ({"filled": 0}, True),
        ({"not": {"filled": ""}}, True),
        ({"all": [{"is": True}, {"is": True}]}, True),
        ({"all": [{"is": False}, {"is": "no answer"}]}, False),  # no further than needed
        ({"any": [{"is": True}, {"is": "no answer"}]}, True),
        ({"any": [{"is": False}, {"not": {"is": True}}]}, False),
    ],
)
async def test_a_condition_holds_or_not(raw: dict[str, Any], holds: bool) -> None:
    assert await evaluate(parse(raw), look) is holds


@pytest.mark.parametrize(
    "raw",
    [
        None,
        "yes",
        {},
        {"equals": [1, 1], "is": True},
        {"equals": [1]},
        {"equals": "ab"},
        {"greater": 3},
        {"exists": ""},
        {"exists": 3},
        {"not": True},
        {"all": []},
        {"any": {"is": True}},
        {"all": [{"matches": 1}]},
        {"eval": "1"},
        {"__class__": 1},
    ],
)
def test_what_is_no_condition_is_refused(raw: object) -> None:
    with pytest.raises(ConfigInvalid):
        parse(raw)


@pytest.mark.parametrize(
    "raw", [{"greater": ["a", 1]}, {"less": [None, 1]}, {"greater": [True, 0]}, {"contains": [5, 5]}, {"is": "maybe"}]
)
async def test_values_that_cannot_be_compared_fail_the_step(raw: dict[str, Any]) -> None:
    with pytest.raises(StepFailed):
        await evaluate(parse(raw), look)


@pytest.mark.parametrize("operator", KNOWN)
def test_every_operator_is_named_in_the_complaint(operator: str) -> None:
    with pytest.raises(ConfigInvalid, match=operator):
        parse({"unknown": 1})
