"""The formats of a workflow."""

import json
from typing import Any

import pytest

from workers.comfy.errors import Invalid
from workers.comfy.workflow import missing_types, read

API: dict[str, Any] = {
    "3": {"class_type": "KSampler", "inputs": {"seed": 1}, "_meta": {"title": "My sampler"}},
    "5": {"class_type": "SaveImage", "inputs": {"images": ["3", 0]}},
}


def ui(**more: Any) -> dict[str, Any]:
    nodes = [{"id": 3, "type": "KSampler", "title": "My sampler"}, {"id": 5, "type": "SaveImage"}]
    return {"nodes": nodes, "links": [], "version": 0.4, **more}


@pytest.mark.parametrize(("workflow", "format_"), [(API, "api"), (ui(), "ui")])
def test_both_formats_are_told_apart_and_their_nodes_are_named(workflow: dict[str, Any], format_: str) -> None:
    found = read(json.dumps(workflow))

    assert (found.format, found.node_count) == (format_, 2)
    assert found.nodes_by_type == {
        "KSampler": ['node 3 (KSampler, "My sampler")'],
        "SaveImage": ["node 5 (SaveImage)"],
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '"nodes"',
        "{}",  # no node at all: neither format
        '{"nodes": {}}',
        '{"nodes": [1]}',
        '{"nodes": [{"id": 1}]}',
        '{"3": {"class_type": "A"}}',  # no inputs
        '{"3": {"class_type": 1, "inputs": {}}}',
        '{"3": {"class_type": "A", "inputs": {}}, "extra": 1}',
        '{"nodes": [{"id": 1, "type": NaN}]}',
        "[" * 100_000,  # deeper than any stack
        '{"a":' * 100_000,
        '{"nodes": [], "x": "\\ud800"}',  # half a character
    ],
)
def test_what_is_no_workflow_is_refused_in_words(text: str) -> None:
    with pytest.raises(Invalid, match=r"workflow"):
        read(text)


def test_a_workflow_of_the_page_may_be_empty() -> None:
    assert read('{"nodes": []}').node_count == 0


def test_types_that_the_workflow_brings_itself_are_not_asked_of_comfyui() -> None:
    workflow = ui(
        nodes=[{"id": 1, "type": "5a6b-sub"}, {"id": 2, "type": "workflow>mine"}],
        definitions={"subgraphs": [{"id": "5a6b-sub", "nodes": [{"id": 9, "type": "Inner"}]}]},
        extra={"groupNodes": {"mine": {}}},
    )

    assert set(read(json.dumps(workflow)).nodes_by_type) == {"Inner"}


def test_missing_types_are_named_with_their_nodes() -> None:
    assert missing_types(read(json.dumps(API)), ["SaveImage"]) == (
        'ComfyUI does not have these node types: KSampler (node 3 (KSampler, "My sampler"))'
    )
    assert missing_types(read(json.dumps(API)), ["SaveImage", "KSampler"]) == ""


def test_a_sentence_about_many_missing_types_stays_short() -> None:
    graph = {str(number): {"class_type": f"T{number}" + "x" * 1000, "inputs": {}} for number in range(500)}

    sentence = missing_types(read(json.dumps(graph)), [])

    assert "and 480 more" in sentence
    assert len(sentence) < 6000
