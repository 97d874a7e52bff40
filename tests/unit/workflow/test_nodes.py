"""What single nodes make of their inputs."""

from typing import Any

import pytest

from tests.unit.workflow.drawing import Workflow, run

PEOPLE = [{"name": "A", "score": 80}, {"name": "B", "score": 50}, {"name": "C"}]


@pytest.mark.parametrize(
    ("kind", "config", "outputs"),
    [
        ("MathOperation", {"a": 10, "b": 4, "operation": "divide"}, {"result": 2.5}),
        ("MathOperation", {"a": 10, "b": 5, "operation": "/"}, {"result": 2}),  # whole numbers stay whole
        ("MathOperation", {"a": "2.5", "b": 2, "operation": "multiply"}, {"result": 5}),
        ("MathOperation", {"a": 17, "b": 5, "operation": "modulo"}, {"result": 2}),
        ("MathOperation", {"a": 2, "b": 8, "operation": "power"}, {"result": 256}),
        ("MathOperation", {"a": 2, "operation": "sqrt", "round_digits": 2}, {"result": 1.41}),
        ("MathOperation", {"a": "Hello World", "operation": "length"}, {"result": 11}),
        ("Comparison", {"a": 10, "b": "10", "operator": "=="}, {"result": True}),
        ("Comparison", {"a": 85, "b": 60, "operator": "greater or equal (>=)"}, {"result": True}),
        ("Comparison", {"a": "abc", "b": "b", "operator": "contains"}, {"result": True}),
        ("EvalExpression", {"expression": "{{n}} * 2 + len('ab')"}, {"result": 16}),
        ("Concatenate", {"string1": "Hello", "string2": "World", "separator": " "}, {"result": "Hello World"}),
        ("Concatenate", {"a": "a", "b": 1, "string_3": "c"}, {"result": "a1c"}),
        ("FormatString", {"template": "{a}-{b.c} {{x}}", "variables": {"a": 1, "b": {"c": 2}}}, {"result": "1-2 {x}"}),
        (
            "RegexMatch",
            {"text": "a1 B2", "pattern": "([a-z])(\\d)", "ignore_case": True},
            {
                "match_found": True,
                "first_match": "a1",
                "all_matches": ["a1", "B2"],
                "groups": ["a", "1"],
                "match_count": 2,
            },
        ),
        ("RegexReplace", {"text": "a1b2", "pattern": "\\d", "replacement": "-"}, {"result": "a-b-", "count": 2}),
        ("TextCase", {"text": "Hi", "case": "upper"}, {"result": "HI"}),
        ("TextReplace", {"text": "a b a", "old": "a", "new": "c"}, {"result": "c b c", "count": 2}),
        ("TextSplit", {"text": "a,b", "delimiter": ","}, {"result": ["a", "b"], "count": 2}),
        ("TextTrim", {"text": "  x "}, {"result": "x"}),
        ("TextSubstring", {"text": "Hello", "start": 1, "end": 3}, {"result": "el"}),
        ("TextContains", {"text": "Hello", "search": "ELL", "case_sensitive": False}, {"contains": True}),
        ("CreateList", {"item_2": "b", "item_10": "c", "item_1": "a"}, {"list": ["a", "b", "c"]}),
        ("ListGetItem", {"list": [1, 2], "index": -1}, {"item": 2}),
        ("ListAppend", {"list": "[1]", "item": 2}, {"result": [1, 2]}),
        ("ListLength", {"list": [1, 2]}, {"length": 2}),
        ("ListContains", {"list": [1, 2], "item": "2"}, {"contains": True, "index": 1}),
        (
            "ListFilter",
            {"list": PEOPLE, "condition": "greater than", "key_path": "score", "value": 60},
            {"result": PEOPLE[:1], "removed": PEOPLE[1:], "count": 1},
        ),
        ("ListMap", {"list": PEOPLE, "transform": "get_property", "key_path": "name"}, {"result": ["A", "B", "C"]}),
        ("ListReduce", {"list": PEOPLE[:2], "key_path": "score"}, {"result": 130}),
        ("ListJoin", {"list": ["a", 1, None], "separator": "|"}, {"result": "a|1|"}),
        ("ListSort", {"list": [3, "b", 1, "a"]}, {"result": [1, 3, "a", "b"]}),
        ("ListUnique", {"list": [1, "1", 1]}, {"result": [1, "1"]}),
        ("CreateDict", {"key_1": "a", "value_1": 1, "b": 2}, {"dict": {"a": 1, "b": 2}}),
        ("DictGet", {"dict": {"a": {"b": 1}}, "key": "a.b"}, {"value": 1, "found": False}),
        ("DictSet", {"dict": {"a": 1}, "key": "b", "value": 2}, {"result": {"a": 1, "b": 2}}),
        ("DictMerge", {"dict_1": {"a": 1, "b": 1}, "dict_2": {"b": 2}}, {"result": {"a": 1, "b": 2}}),
        ("DictKeys", {"dict": {"a": 1}}, {"keys": ["a"], "count": 1}),
        ("JsonParse", {"json_string": '{"a": [1]}'}, {"data": {"a": [1]}}),
        ("DictToJson", {"dict": {"a": 1}}, {"result": '{"a":1}'}),
        ("GetProperty", {"object": {"a": [{"b": 5}]}, "path": "$.a[0].b"}, {"value": 5}),
        ("Transform", {"value": "3", "transform_type": "to_int"}, {"result": 3}),
        ("Transform", {"value": " A ", "type": "strip"}, {"result": "A"}),
        ("Transform", {"value": [1, 2], "operation": "join", "separator": "-"}, {"result": "1-2"}),
        ("Transform", {"value": {"a": [5]}, "transform": "get property", "property_path": "a[0]"}, {"result": 5}),
        ("Transform", {"value": 4, "expression": "value * {{n}}"}, {"result": 28}),
        ("Transform", {"value": "a-b", "transform_type": "replace", "parameter": ["-", "+"]}, {"result": "a+b"}),
        ("Validate", {"value": "x"}, {"is_valid": True, "error_message": ""}),
        ("Validate", {"value": ""}, {"is_valid": False, "error_message": "'' must not be empty"}),
        ("Validate", {"value": "a@b.cd", "rule": "is_email"}, {"is_valid": True, "error_message": ""}),
        (
            "Validate",
            {"value": "http://", "rule": "is_url", "message": "no"},
            {"is_valid": False, "error_message": "no"},
        ),
        ("Validate", {"value": 5, "rule": "in range", "parameter": "1, 5"}, {"is_valid": True, "error_message": ""}),
        ("Validate", {"value": "ab1", "rule": "matches_regex", "pattern": "[a-z]+$"}, None),
        ("DateTimeDiff", {"start": "2026-01-01", "end": "2026-01-02"}, None),
        ("SetVariable", {"name": "x", "value": "5", "variable_type": "Integer"}, {"value": 5}),
        ("GetVariable", {"variable_name": "n"}, {"value": 7}),
        ("GetVariable", {"variable_name": "none", "default_value": 1}, {"value": 1}),
        ("IncrementVariable", {"variable_name": "n", "increment": "2"}, {"value": 9}),
    ],
)
def test_a_node_gives_out(kind: str, config: dict[str, Any], outputs: dict[str, Any] | None) -> None:
    ended = run(Workflow([("node", kind, config)]), {"n": 7})

    assert ended.error == ""
    if outputs is not None:
        assert ended.outputs["node"] == outputs


@pytest.mark.parametrize(
    ("kind", "config", "sentence"),
    [
        ("MathOperation", {"a": 1, "b": 0, "operation": "divide"}, "division by zero"),
        ("MathOperation", {"a": "x", "b": 1}, "its input 'a' must be a number, not 'x'"),
        ("MathOperation", {"a": 1, "b": 1, "operation": "guess"}, "its input 'operation' must be one of add"),
        ("MathOperation", {"a": 10, "b": 100_000, "operation": "power"}, "too large"),
        ("MathOperation", {"a": -1, "operation": "sqrt"}, "cannot be computed"),
        ("RegexMatch", {"text": "a", "pattern": "("}, "is not a regular expression"),
        ("ListGetItem", {"list": [1], "index": 3}, "no place 3"),
        ("ListAppend", {"list": "{{unknown}}", "item": 1}, "its input 'list' must be a list"),
        ("FormatString", {"template": "{missing}", "variables": {"a": 1}}, "there is no value for {missing}"),
        ("JsonParse", {"json_string": "{"}, "is not JSON"),
        ("GetVariable", {"variable_name": "none"}, "there is no variable 'none'"),
        ("TextCase", {"text": "a", "case": "odd"}, "must be one of lower, upper"),
        ("Assert", {"condition": "1 > 2", "message": "it does not"}, "it does not"),
        ("If", {"condition": "1 >"}, "its input 'condition': the expression has its end"),
    ],
)
def test_a_node_fails_in_words_for_who_drew_it(kind: str, config: dict[str, Any], sentence: str) -> None:
    ended = run(Workflow([("node", kind, config)]))

    assert ended.error.startswith("Node 'node': ")
    assert sentence in ended.error
    assert ended.host.executions[-1]["error_message"]


@pytest.mark.parametrize(
    ("value", "edges", "said"),
    [
        ("x", "check.valid > yes; check.invalid > no", ["yes"]),
        ("", "check.valid > yes; check.invalid > no", ["no"]),
        ("", "check > yes", ["yes"]),  # who draws neither looks at the output
    ],
)
def test_a_validation_leaves_by_what_it_found(value: str, edges: str, said: list[str]) -> None:
    nodes = [
        ("check", "Validate", {"value": value}),
        ("yes", "Log", {"message": "yes"}),
        ("no", "Log", {"message": "no"}),
    ]
    ended = run(Workflow([("s", "Start", {}), *nodes], f"s > check; {edges}"))

    assert (ended.error, ended.said) == ("", said)


def test_a_validation_without_a_way_for_what_is_invalid_fails() -> None:
    nodes = [("check", "Validate", {"value": ""}), ("yes", "Log", {"message": "yes"})]
    ended = run(Workflow(nodes, "check.valid > yes"))

    assert (ended.error_type, ended.error) == ("ValidationFailed", "Node 'check': '' must not be empty")
