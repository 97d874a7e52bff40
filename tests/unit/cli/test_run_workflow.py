from pathlib import Path

import pytest

from server.cli.failures import CommandFailed
from server.cli.orchestrator.run_workflow import execution_text, milliseconds_text, read_secrets


def test_a_secret_of_the_command_line_goes_before_that_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "secrets.yaml"
    file.write_text("door: one\npin: 1234\n")

    assert read_secrets(["door=two=three"], file) == {"door": "two=three", "pin": "1234"}


@pytest.mark.parametrize("word", ["hunter2", "=hunter2", "a-b=hunter2", "a.b=hunter2"])
def test_a_secret_that_is_mistyped_is_refused_without_being_shown(word: str) -> None:
    with pytest.raises(CommandFailed) as refusal:
        read_secrets([word], None)

    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(("milliseconds", "text"), [(0, "0 ms"), (999, "999 ms"), (1000, "1.0 s"), (61_449, "61.4 s")])
def test_a_span_is_told_in_milliseconds_up_to_a_second(milliseconds: int, text: str) -> None:
    assert milliseconds_text(milliseconds) == text


def test_an_execution_is_told_with_its_turn_and_its_error() -> None:
    execution = {"node_id": "add", "node_type": "MathNode", "status": "failed", "duration_ms": 3, "index": 2}

    assert execution_text({**execution, "error_message": "no number"}) == "failed  add[2]  MathNode  3 ms: no number"
    assert execution_text({**execution, "index": 0, "status": "completed"}) == "completed  add  MathNode  3 ms"
