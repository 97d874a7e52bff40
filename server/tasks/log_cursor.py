"""Cursors of logs: where a reader of the log of a Task stands. Pure."""

import re
from dataclasses import dataclass
from typing import Final

from server.errors import InvalidArgument
from server.tasks.task import TaskRow

SEQ: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
END: Final = "end"

_CURSOR: Final = re.compile(r"(?P<task_id>[0-9A-Za-z-]{1,64}):(?P<place>end|[0-9]{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cursor:
    """A reader has everything of `task_id` up to line `seq`; None means up to its end."""

    task_id: str
    seq: int | None


def parse(text: str) -> Cursor:
    """Return the place that `text` ("<task id>:<seq>" or "<task id>:end") names.

    Raises:
        InvalidArgument: it is of another form.
    """
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise InvalidArgument.field("after", "must be the cursor of a line")
    place = found["place"]
    return Cursor(found["task_id"], None if place == END else int(place))


def behind(task_id: str, seq: int) -> str:
    """Return the cursor behind line `seq`."""
    return f"{task_id}:{seq}"


def at_end(task_id: str) -> str:
    """Return the cursor behind the end of the log."""
    return f"{task_id}:{END}"


def seq_of(after: str, task: TaskRow) -> int:
    """Return the number of the line that `after`, a cursor of the log of `task` or a number, names; 0 for an empty one.

    Raises:
        InvalidArgument: it is the cursor of another log, or none.
    """
    if not after:
        return 0
    if SEQ.fullmatch(after):
        return int(after)
    cursor = parse(after)
    if cursor.task_id != task.id:
        raise InvalidArgument.field("after", "must be a cursor of this log")
    return task.log_line_count if cursor.seq is None else cursor.seq
