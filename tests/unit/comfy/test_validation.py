"""ComfyUI's refusals in sentences. The bodies follow `validate_prompt` of ComfyUI 0.3.64 (execution.py)."""

import json
from typing import Any

import pytest

from workers.comfy.validation import refusal_sentence
from workers.comfy.workflow import Graph

GRAPH: Graph = {
    "3": {"class_type": "KSampler", "inputs": {}, "_meta": {"title": "My sampler"}},
    "9": {"class_type": "SaveImage", "inputs": {}},
}


def body(node_errors: Any) -> str:
    error = {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed validation", "details": ""}
    return json.dumps({"error": error, "node_errors": node_errors})


def test_each_node_is_named_with_what_it_lacks() -> None:
    wrong = {
        "type": "value_not_in_list",
        "message": "Value not in list",
        "details": "sampler_name: 'x' not in ['euler']",
    }
    lacking = {"type": "required_input_missing", "message": "Required input is missing", "details": "images"}

    sentence = refusal_sentence(
        400, body({"3": {"errors": [wrong], "class_type": "KSampler"}, "9": {"errors": [lacking]}}), GRAPH
    )

    assert sentence == (
        "ComfyUI refuses the graph: Prompt outputs failed validation; "
        "node 3 (KSampler, \"My sampler\"): Value not in list: sampler_name: 'x' not in ['euler']; "
        "node 9 (SaveImage): Required input is missing: images"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (body([]), "Prompt outputs failed validation"),  # so does ComfyUI write that there are none
        ('{"error": "no prompt", "node_errors": []}', "no prompt"),
        ("<html>413 Request Entity Too Large</html>", "status 413"),
        ("", "status 413"),
        ("[]", "status 413"),
        (body({"3": 1}), "failed validation"),
        (body({"3": {"errors": [{}]}}), "no reason given"),
        (body({"7": {"errors": [{"message": "odd"}]}}), "node 7: odd"),
    ],
)
def test_any_answer_becomes_a_sentence(text: str, words: str) -> None:
    assert words in refusal_sentence(413, text, GRAPH)


def test_a_refusal_of_hundreds_of_nodes_stays_readable() -> None:
    errors = {str(number): {"errors": [{"message": "x" * 5000}]} for number in range(500)}

    sentence = refusal_sentence(400, body(errors), GRAPH)

    assert sentence.endswith("and 480 more")
    assert len(sentence) < 10_000
