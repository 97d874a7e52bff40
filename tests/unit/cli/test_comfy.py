"""What the words of `switchyard comfy` mean: values for widgets, and where a password comes from."""

import io
import sys
from typing import Any

import pytest

from server.cli.comfy.prompts import end_text, to_inputs
from server.cli.comfy.sessions import read_password
from server.cli.failures import CommandFailed, ExitCode
from switchyard.comfy.v1.prompt_pb2 import Prompt


@pytest.mark.parametrize(
    ("word", "inputs"),
    [
        ("3.seed=5", {"3": {"seed": 5}}),
        ("3.cfg=7.5", {"3": {"cfg": 7.5}}),
        ("3.tiled=true", {"3": {"tiled": True}}),
        # What YAML would read as a map, a boolean, a date.
        ("6.text=a cat: nice", {"6": {"text": "a cat: nice"}}),
        ("6.text=no", {"6": {"text": "no"}}),
        ("6.text=2024-01-01", {"6": {"text": "2024-01-01"}}),
        ('6.text="5"', {"6": {"text": "5"}}),
        ("6.text=", {"6": {"text": ""}}),
        ("6.text=a=b.c", {"6": {"text": "a=b.c"}}),
        # Python reads it, JSON does not know it.
        ("6.text=NaN", {"6": {"text": "NaN"}}),
        ("3.seed=18446744073709551615", {"3": {"seed": 18446744073709551615}}),
        ("My sampler.steps=20", {"My sampler": {"steps": 20}}),
        # Widgets of newer nodes have dots in their names, ids of nodes within subgraphs colons.
        ("5:3.mode.width=8", {"5:3": {"mode.width": 8}}),
    ],
)
def test_a_word_is_a_node_a_widget_and_a_value(word: str, inputs: dict[str, Any]) -> None:
    assert to_inputs([word], over={}) == inputs


def test_words_are_laid_over_the_file() -> None:
    inputs = to_inputs(["3.seed=5"], over={"3": {"seed": 1, "steps": 20}, "6": {"text": "cat"}})

    assert inputs == {"3": {"seed": 5, "steps": 20}, "6": {"text": "cat"}}


@pytest.mark.parametrize("word", ["", "3", "3.seed", "seed=5", ".seed=5", "3.=5", "=", "=3.seed"])
def test_another_word_is_refused(word: str) -> None:
    with pytest.raises(CommandFailed, match=r"NODE\.WIDGET=VALUE") as refusal:
        to_inputs([word], over={})

    assert refusal.value.exit_code is ExitCode.USAGE


def test_a_file_whose_node_holds_no_widgets_is_refused() -> None:
    with pytest.raises(CommandFailed, match="'3' must hold widgets"):
        to_inputs(["3.seed=5"], over={"3": 5})


def test_the_password_is_the_first_line_of_standard_input_with_all_its_characters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(" pä:s\tw%40 \r\nmore\n"))

    assert read_password("me", from_stdin=True, environ={"COMFY_PASSWORD": "other"}) == " pä:s\tw%40 "


def test_the_password_may_stand_in_the_environment() -> None:
    assert read_password("me", from_stdin=False, environ={"COMFY_PASSWORD": "secret"}) == "secret"


def test_without_a_name_no_password_is_sent() -> None:
    assert read_password("", from_stdin=False, environ={"COMFY_PASSWORD": "secret"}) == ""


@pytest.mark.parametrize(
    ("username", "from_stdin", "sentence"), [("", True, "needs --username"), ("me", False, "no terminal")]
)
def test_a_password_that_nobody_can_give_is_refused(
    monkeypatch: pytest.MonkeyPatch, username: str, from_stdin: bool, sentence: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("secret\n"))

    with pytest.raises(CommandFailed, match=sentence):
        read_password(username, from_stdin=from_stdin, environ={})


def test_the_end_of_a_prompt_is_told_with_its_reason_or_its_files() -> None:
    failed = Prompt(prompt_id="p", status=Prompt.STATUS_ERROR)
    failed.error.type, failed.error.message = "NodeFailed", "node 2 (FailImage): no"

    assert end_text(failed) == "prompt p error: NodeFailed: node 2 (FailImage): no"
    assert end_text(Prompt(prompt_id="p", status=Prompt.STATUS_SUCCESS, result_count=1)) == "prompt p success, 1 file"
    assert end_text(Prompt(prompt_id="p", status=Prompt.STATUS_SUCCESS, result_count=2)) == "prompt p success, 2 files"
    assert end_text(Prompt(prompt_id="p", status=Prompt.STATUS_CANCELLED)) == "prompt p cancelled"
