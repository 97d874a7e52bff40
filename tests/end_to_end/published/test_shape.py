"""What is of a shape and what is not."""

from typing import Any

import pytest

from tests.end_to_end.published.shape import mismatches


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("a", "text"),
        (None, "text or null"),
        (None, "any"),
        (True, "boolean"),
        (1, "integer"),
        (1, "number"),
        (1.5, "number"),
        (15.0, 15.0),
        (None, None),
        ("b", "=a|b"),
        ("Job 7", r"~Job \d+"),
        ("2024-01-15T10:30:00Z", "time"),
        ("2026-01-29T12:00:00.5+00:00", "time"),
        ([1, 2], ["integer"]),
        ([], []),
        ([{"any": 1}], []),
        ({"a": 1, "ours": 2}, {"a": "integer", "b?": "text", "ours+": "integer"}),
        ({"a": 1, "z": "y"}, {"a": "integer", "*": "text"}),
    ],
)
def test_it_is_of_the_shape(value: Any, shape: Any) -> None:
    assert list(mismatches(value, shape)) == []


@pytest.mark.parametrize(
    ("value", "shape", "at"),
    [
        (None, "text", "$"),
        (True, "integer", "$"),
        (1, "boolean", "$"),
        (1.0, "integer", "$"),
        ("1", "number", "$"),
        # Whole numbers stay whole.
        (15, 15.0, "$"),
        (1, True, "$"),
        ("c", "=a|b", "$"),
        ("Job 7 and more", r"~Job \d+", "$"),
        ("2024-01-15 10:30", "time", "$"),
        ([], ["integer"], "$"),
        ([1, "2"], ["integer"], "$[1]"),
        ({}, {"a": "text"}, "$.a"),
        ({"a": {"b": 1}}, {"a": {"b": "text"}}, "$.a.b"),
        ({"a": "", "more": 1}, {"a": "text"}, "$.more"),
        ({"a": ""}, {"a": "text", "ours+": "text"}, "$.ours"),
        ([], {"a": "text"}, "$"),
        ({"a": "", "z": 1}, {"a": "text", "*": "text"}, "$.z"),
    ],
)
def test_the_place_that_is_not_is_named(value: Any, shape: Any, at: str) -> None:
    assert [sentence.partition(":")[0] for sentence in mismatches(value, shape)] == [at]


def test_a_printed_example_has_none_of_our_own_keys() -> None:
    shape = {"a": "text", "ours+": "text"}

    assert list(mismatches({"a": ""}, shape, printed=True)) == []
    assert list(mismatches({"a": "", "ours": ""}, shape, printed=True)) == ["$.ours: nobody expects it"]
