"""How cursors of logs are written and read."""

import pytest

from server.errors import InvalidArgument
from server.tasks import log_cursor
from server.tasks.log_cursor import Cursor

TASK = "550e8400-e29b-41d4-a716-446655440001"


def test_a_cursor_is_read_as_it_was_written() -> None:
    assert log_cursor.parse(log_cursor.behind(TASK, 17)) == Cursor(TASK, 17)
    assert log_cursor.parse(log_cursor.at_end(TASK)) == Cursor(TASK, None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "17",
        f"{TASK}:",
        f"{TASK}:-1",
        f"{TASK}:1.5",
        f"{TASK}:x",
        f"{TASK}:1 ",
        f"{TASK}:\N{ARABIC-INDIC DIGIT THREE}",
    ],
)
def test_anything_else_is_no_cursor(text: str) -> None:
    with pytest.raises(InvalidArgument):
        log_cursor.parse(text)
