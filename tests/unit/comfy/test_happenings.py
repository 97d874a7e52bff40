"""ComfyUI's messages -> what is told on. Source: https://docs.comfy.org/development/comfyui-server/comms_messages"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.comfy.happenings import Course, Happening, Told, may_be_over, told
from workers.comfy.workflow import Graph

GRAPH: Graph = {number: {"class_type": f"Type{number}", "inputs": {}} for number in ("1", "2", "3", "4")}


def heard(*messages: tuple[str, dict[str, Any]]) -> list[Happening]:
    course = Course(GRAPH, "p")
    return [happening for name, data in messages for happening in course.take(Told(name, {"prompt_id": "p", **data}))]


def test_each_node_counts_the_same_and_its_steps_count_within_it() -> None:
    happenings = heard(
        ("execution_cached", {"nodes": ["1"]}),
        ("executing", {"node": "2"}),
        ("progress", {"node": "2", "value": 1, "max": 2}),
        ("progress", {"node": "2", "value": 2, "max": 2}),
        ("executing", {"node": "3"}),
        ("executed", {"node": "3"}),
        ("executing", {"node": None}),
    )

    assert [(each.kind, each.node_id, each.fraction) for each in happenings] == [
        ("cached", None, 0.25),
        ("node", "2", 0.25),
        ("progress", "2", 0.375),
        ("progress", "2", 0.5),
        ("node", "3", 0.5),
        ("executed", "3", 0.75),
    ]
    assert happenings[0].node_ids == ("1",)
    assert happenings[1].node_type == "Type2"


def test_what_is_said_twice_is_told_once() -> None:
    state = {"node_id": "2", "state": "running", "value": 1, "max": 4}

    happenings = heard(
        ("progress_state", {"nodes": {"2": {**state, "value": 0}}}),
        ("executing", {"node": "2"}),
        ("progress", {"node": "2", "value": 1, "max": 4}),
        ("progress_state", {"nodes": {"2": state}}),
    )

    assert [(each.kind, each.value) for each in happenings] == [("node", None), ("progress", 0), ("progress", 1)]


def test_a_node_that_comfyui_makes_while_it_executes_is_told_as_the_one_that_shows_it() -> None:
    [happening] = heard(("executing", {"node": "2.0.0.7", "display_node": "2"}))

    assert happening.node_id == "2"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("progress", {"node": "2", "value": 1, "max": 0}),
        ("progress", {"node": "2", "value": "1", "max": 2}),
        ("progress", {"node": "77", "value": 1, "max": 2}),
        ("executing", {"node": "2", "prompt_id": "another"}),
        ("progress_state", {"nodes": []}),
        ("progress_state", {"nodes": {"2": 7}}),
        ("execution_cached", {"nodes": None}),
        ("execution_cached", {"nodes": []}),
        ("crystools.monitor", {"cpu": 1}),  # extensions send messages of their own
    ],
)
def test_what_says_nothing_of_this_prompt_is_not_told_on(name: str, data: dict[str, Any]) -> None:
    assert heard((name, data)) == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["executing", "progress", "executed"]),
            st.fixed_dictionaries(
                {
                    "node": st.sampled_from(["1", "2", "3", "4", None]),
                    "value": st.integers(-5, 50),
                    "max": st.integers(-1, 9),
                }
            ),
        )
    )
)
def test_the_fraction_never_goes_back_nor_beyond_the_end(messages: list[tuple[str, dict[str, Any]]]) -> None:
    fractions = [happening.fraction for happening in heard(*messages)]

    assert fractions == sorted(fractions)
    assert all(0 <= fraction <= 1 for fraction in fractions)


@pytest.mark.parametrize(
    ("name", "data", "look"),
    [
        ("status", {"status": {}}, True),
        ("executing", {"node": None, "prompt_id": "p"}, True),
        ("executing", {"node": "1", "prompt_id": "p"}, False),
        ("executing", {"node": None, "prompt_id": "another"}, False),
        ("execution_error", {"prompt_id": "p"}, True),
        ("execution_interrupted", {"prompt_id": "p"}, True),
        # Said before the history has the prompt.
        ("execution_success", {"prompt_id": "p"}, False),
        ("progress", {"prompt_id": "p"}, False),
    ],
)
def test_the_history_is_looked_at_when_the_prompt_may_be_in_it(name: str, data: dict[str, Any], look: bool) -> None:
    assert may_be_over(Told(name, data), "p") == look


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', "{}", '{"type": 1}', "\x00\x01"])
def test_what_is_no_message_is_nothing(text: str) -> None:
    assert told(text) is None


def test_a_message_without_data_is_one() -> None:
    assert told(json.dumps({"type": "status", "data": None})) == Told("status", {})
