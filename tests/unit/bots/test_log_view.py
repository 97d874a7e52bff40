"""How lines are written."""

import pytest

from server.bots import log_view
from server.bots.run_view import STATUS, WORDS
from server.tasks.log_hub import LogBatch
from server.tasks.log_store import LogLineRow
from switchyard.bots.v1 import run_pb2
from switchyard.tasks.v1.task_pb2 import LogLine, Task

# 2024-01-15T10:30:00.999999Z
MICROS = 1_705_314_600_999_999
RUN = "550e8400-e29b-41d4-a716-446655440001"


def line(message: str, seq: int = 1) -> LogLineRow:
    return LogLineRow(seq, MICROS, LogLine.LEVEL_INFO, message)


def test_a_line_is_shown_as_in_the_document() -> None:
    assert log_view.line_text(line("Bot started successfully")) == "[2024-01-15 10:30:00] - Bot started successfully"


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r", "\v", "\f", "\x1c", "\x85", "\u2028"])
def test_one_line_of_a_log_is_one_line_of_its_file(line_break: str) -> None:
    text = log_view.file_text([line(f"a{line_break}b"), line("c")])

    assert text == "[2024-01-15 10:30:00] - a\\nb\n[2024-01-15 10:30:00] - c\n"


def test_readers_of_a_batch_get_the_same_object() -> None:
    batch = LogBatch(RUN, 1, (line("one"), line("two", 2)))

    first, second = log_view.batch(batch), log_view.batch(batch)

    assert first is second
    assert [shown.cursor for shown in first.lines] == [f"{RUN}:1", f"{RUN}:2"]


def test_every_state_of_a_task_has_a_word() -> None:
    states = {state for state in Task.State.values() if state != Task.STATE_UNSPECIFIED}

    assert set(STATUS) == states
    assert set(WORDS) == set(run_pb2.RunStatus.values()) - {run_pb2.RUN_STATUS_UNSPECIFIED}
