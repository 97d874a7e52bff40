"""Values for widgets."""

import json
from typing import Any

import pytest

from workers.comfy.errors import Invalid
from workers.comfy.inputs import applied, changes_of
from workers.comfy.workflow import Graph


def graph() -> Graph:
    return {
        "3": {
            "class_type": "KSampler",
            "inputs": {"seed": 1, "steps": 20, "model": ["4", 0]},
            "_meta": {"title": "Sampler"},
        },
        "4": {"class_type": "Loader", "inputs": {"name": "a"}, "_meta": {"title": "Twin"}},
        "5": {"class_type": "Loader", "inputs": {"name": "b"}, "_meta": {"title": "Twin"}},
        "12:7": {"class_type": "Text", "inputs": {"text": "x"}, "_meta": {"title": "4"}},
    }


def laid_over(inputs: object) -> dict[str, Any]:
    nodes = graph()
    result: dict[str, Any] = json.loads(applied(nodes, changes_of(nodes, json.dumps(inputs))))
    return result


@pytest.mark.parametrize(
    ("key", "widget", "value", "node_id"),
    [
        ("3", "steps", 5, "3"),
        ("Sampler", "steps", 5, "3"),
        ("12:7", "text", 'it\'s "100%" \\ {{no}}', "12:7"),  # within a subgraph
        ("4", "name", None, "4"),  # an id, although another node has it as its title
        ("3", "seed", (1 << 64) - 1, "3"),
    ],
)
def test_a_node_is_meant_by_its_id_or_its_title(key: str, widget: str, value: object, node_id: str) -> None:
    assert laid_over({key: {widget: value}})[node_id]["inputs"][widget] == value


def test_a_list_is_a_value_and_no_connection() -> None:
    assert laid_over({"3": {"steps": ["4", 0]}})["3"]["inputs"]["steps"] == {"__value__": ["4", 0]}


def test_without_inputs_nothing_changes() -> None:
    nodes = graph()

    assert changes_of(nodes, "") == []
    assert json.loads(applied(nodes, [])) == graph()


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"Nobody": {"x": 1}}, "no node that is executed has the id or title 'Nobody'"),
        ({"Twin": {"name": 1}}, "2 nodes have the title 'Twin': 4, 5; name one by its id"),
        ({"3": {"sede": 1}}, "node 3 \\(KSampler, \"Sampler\"\\) has no widget 'sede'; it has: seed, steps$"),
        ({"3": {"model": 1}}, "'model' of node 3 .* is connected to node 4"),
        ({"3": 7}, "'3' must be an object"),
        ([], "must be an object of nodes"),
    ],
)
def test_what_does_not_fit_is_said_with_what_would(inputs: object, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        changes_of(graph(), json.dumps(inputs))


def test_one_wrong_value_changes_nothing() -> None:
    nodes = graph()

    with pytest.raises(Invalid):
        changes_of(nodes, json.dumps({"3": {"steps": 5}, "Nobody": {"x": 1}}))

    assert nodes == graph()
