"""Arguments of nodes are checked before a step runs, and given their types."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from workers.flow.arguments import argument, as_map, bind, examine
from workers.flow.errors import ConfigInvalid


@dataclass(frozen=True)
class Sample:
    selector: str = argument(main=True, minimum=1, maximum=5)
    count: int = argument(default=1, minimum=1, maximum=3)
    seconds: float = argument(default=0.0, minimum=0)
    on: bool = argument(default=False)
    side: Literal["left", "right"] = argument(default="left")
    files: tuple[str, ...] = argument(default=())
    two: tuple[object, object] | None = argument(default=None)
    place: str | None = argument(default=None, name="in")
    more: Mapping[str, object] | None = argument(default=None)
    anything: object = argument(default=None)


@dataclass(frozen=True)
class Nothing:
    pass


@pytest.mark.parametrize(
    ("given", "field", "value"),
    [
        ({"selector": "a"}, "selector", "a"),
        ({"selector": 2026}, "selector", "2026"),  # YAML made a number of it
        ({"selector": "a", "count": "2"}, "count", 2),  # a CSV made a text of it
        ({"selector": "a", "count": 2.0}, "count", 2),
        ({"selector": "a", "seconds": "0.5"}, "seconds", 0.5),
        ({"selector": "a", "seconds": 2}, "seconds", 2),
        ({"selector": "a", "on": "true"}, "on", True),
        ({"selector": "a", "side": "right"}, "side", "right"),
        ({"selector": "a", "files": "one"}, "files", ("one",)),
        ({"selector": "a", "files": ["one", 2]}, "files", ("one", "2")),
        ({"selector": "a", "two": [1, None]}, "two", (1, None)),
        ({"selector": "a", "in": "b"}, "place", "b"),
        ({"selector": "a", "in": None}, "place", None),
        ({"selector": "a", "more": {"x": 1}}, "more", {"x": 1}),
        ({"selector": "a", "anything": [1]}, "anything", [1]),
    ],
)
def test_values_get_their_types(given: dict[str, Any], field: str, value: object) -> None:
    assert examine(Sample, given) is False
    assert getattr(bind(Sample, given), field) == value


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "argument 'selector' is missing"),
        ({"selector": None}, "argument 'selector' must be a text"),
        ({"selector": True}, "argument 'selector' must be a text"),
        ({"selector": ["a"]}, "argument 'selector' must be a text"),
        ({"selector": ""}, "argument 'selector' must be at least 1 characters"),
        ({"selector": "abcdef"}, "argument 'selector' must be at most 5 characters"),
        ({"selektor": "a"}, "has no argument 'selektor'; did you mean 'selector'?"),
        ({"selector": "a", "zzz": 1}, "has no argument 'zzz'; it takes selector, count"),
        ({"selector": "a", "place": 1}, "has no argument 'place'"),  # in YAML it is called "in"
        ({"selector": "a", "count": 0}, "argument 'count' must be at least 1"),
        ({"selector": "a", "count": 4}, "argument 'count' must be at most 3"),
        ({"selector": "a", "count": 1.5}, "argument 'count' must be a whole number"),
        ({"selector": "a", "count": "x"}, "argument 'count' must be a whole number"),
        ({"selector": "a", "count": None}, "argument 'count' must be a whole number"),
        ({"selector": "a", "count": True}, "argument 'count' must be a whole number"),
        ({"selector": "a", "seconds": "nan"}, "argument 'seconds' must be a number"),
        ({"selector": "a", "seconds": float("inf")}, "argument 'seconds' must be a number"),
        ({"selector": "a", "seconds": -0.1}, "argument 'seconds' must be at least 0"),
        ({"selector": "a", "on": "yes"}, "argument 'on' must be true or false"),
        ({"selector": "a", "on": 1}, "argument 'on' must be true or false"),
        ({"selector": "a", "side": "up"}, "argument 'side' must be one of left, right"),
        ({"selector": "a", "side": []}, "argument 'side' must be one of left, right"),
        ({"selector": "a", "files": [None]}, "argument 'files' must be a text or a list of texts"),
        ({"selector": "a", "two": [1]}, "argument 'two' must be a list of two values"),
        ({"selector": "a", "more": [1]}, "argument 'more' must be a map of names to values"),
    ],
)
def test_a_mistake_is_named(given: dict[str, Any], reason: str) -> None:
    for check in (examine, bind):
        with pytest.raises(ConfigInvalid) as refusal:
            check(Sample, given)
        assert reason in str(refusal.value)


def test_values_with_references_are_checked_only_when_they_are_known() -> None:
    given = {"selector": "{{row.selector}}", "count": "{{row.count}}"}

    assert examine(Sample, given) is True
    with pytest.raises(ConfigInvalid, match="'count' must be a whole number"):
        bind(Sample, {"selector": "a", "count": "many"})


def test_a_plain_value_is_the_main_argument() -> None:
    assert as_map(Sample, "#publish") == {"selector": "#publish"}
    assert as_map(Sample, None) == {}


def test_a_plain_value_without_a_main_argument_is_refused() -> None:
    with pytest.raises(ConfigInvalid, match="takes a map of arguments"):
        as_map(Nothing, "x")
