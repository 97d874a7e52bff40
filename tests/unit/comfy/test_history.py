"""How a prompt ended, from ComfyUI's history."""

from typing import Any

import pytest

from workers.comfy.history import FILE_LIMIT, Ended, ending_of, files_of, is_queued
from workers.comfy.workflow import Graph

GRAPH: Graph = {
    "5": {"class_type": "VAEDecode", "inputs": {}, "_meta": {"title": "Decode"}},
    "9": {"class_type": "SaveImage", "inputs": {}},
}


def entry(status: str, *messages: list[Any]) -> dict[str, Any]:
    start = ["execution_start", {"prompt_id": "p"}]
    return {"status": {"status_str": status, "completed": status == "success", "messages": [start, *messages]}}


@pytest.mark.parametrize(
    ("found", "ended"),
    [
        (entry("success", ["execution_success", {}]), Ended("success")),
        ({"outputs": {}}, Ended("success")),  # before 2024 it did not say
        (
            entry("error", ["execution_interrupted", {"node_id": "5"}]),
            Ended("interrupted", "ComfyUI was told to stop it"),
        ),
        (
            entry(
                "error",
                [
                    "execution_error",
                    {
                        "node_id": "5",
                        "node_type": "VAEDecode",
                        "exception_message": "out of\nmemory\n",
                        "exception_type": "torch.cuda.OutOfMemoryError",
                    },
                ],
            ),
            Ended(
                "error",
                'node 5 (VAEDecode, "Decode") failed: OutOfMemoryError: out of memory',
                "5",
                "VAEDecode",
            ),
        ),
        (entry("error", ["execution_error", {}]), Ended("error", "a node failed: no reason given")),
        (entry("error"), Ended("error", "ComfyUI says that it failed, and not why")),
    ],
)
def test_each_ending_is_told_with_its_node_and_its_reason(found: dict[str, Any], ended: Ended) -> None:
    assert ending_of(found, GRAPH) == ended


def test_files_come_in_the_order_of_the_nodes_and_nothing_else_is_one() -> None:
    image = {"filename": "a.png", "subfolder": "s", "type": "temp"}
    outputs = {
        "9": {"images": [image, image], "animated": [True], "text": ["hello"]},
        "5": {"gifs": [{"filename": "b.webp"}], "audio": None},
        "77": {"images": [{"filename": ""}, {"filename": 3}, {"subfolder": "x"}]},
        "78": [],
    }

    files = files_of({"outputs": outputs}, GRAPH)

    assert [(file.node_id, file.kind, file.filename, file.subfolder, file.type) for file in files] == [
        ("5", "gifs", "b.webp", "", "output"),
        ("9", "images", "a.png", "s", "temp"),
    ]


def test_more_files_than_are_kept_are_left() -> None:
    images = [{"filename": f"{number}.png"} for number in range(FILE_LIMIT + 5)]

    assert len(files_of({"outputs": {"9": {"images": images}}}, GRAPH)) == FILE_LIMIT


@pytest.mark.parametrize(
    ("queue", "place"),
    [
        ({"queue_running": [[0, "p", {}, {}, []]], "queue_pending": []}, "running"),
        ({"queue_running": [[0, "q"]], "queue_pending": [[1, "p"]]}, "pending"),
        ({"queue_running": [], "queue_pending": []}, None),
        ({}, None),
    ],
)
def test_a_prompt_is_found_in_the_queue(queue: dict[str, Any], place: str | None) -> None:
    assert is_queued(queue, "p") == place
