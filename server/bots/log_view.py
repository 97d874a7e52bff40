"""Log lines as readers see them. Pure."""

import re
import time
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from server.bots.run_view import STATUS, WORDS
from server.clock import SECOND
from server.tasks import log_cursor, log_store
from server.tasks.log_hub import LogBatch
from server.tasks.log_store import LogLineRow
from server.tasks.task import TaskRow
from switchyard.bots.v1 import run_service_pb2 as pb

# What separates lines for one reader or another: those of str.splitlines(), so that one line of a file stays one line.
_BREAKS: Final = re.compile("\r\n|[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")

_SHARED: Final = "bots.WatchLogsResponse"


def line_text(line: LogLineRow) -> str:
    """Return a line as it is shown: "[2024-01-15 10:30:00] - message", in UTC. It may hold line breaks."""
    return f"[{_second(line.time // SECOND)}] - {line.message}"


def file_text(lines: Iterable[LogLineRow]) -> str:
    r"""Return lines as a file holds them: one line each; a line break inside a message is written as \n."""
    return "".join([f"{_one_line(line_text(line))}\n" for line in lines])


_ESCAPED: Final = r"\\n"


def _one_line(text: str) -> str:
    # Nearly every line is printable as it is, which is found out faster than that it holds no break.
    return text if text.isprintable() else _BREAKS.sub(_ESCAPED, text)


def introduction(instance_id: str, bot_code: str, status: str) -> pb.WatchLogsResponse:
    """Return the lines that name an instance. They are not part of the log and have no cursor."""
    texts = (f"Starting bot instance {instance_id}...", f"Bot code: {bot_code}", f"Status: {status}")
    return pb.WatchLogsResponse(lines=[pb.WatchLogsResponse.Line(text=text) for text in texts])


def batch(lines: LogBatch) -> pb.WatchLogsResponse:
    """Return the lines of a batch; every reader of the batch gets the same object and must not change it."""
    shared: pb.WatchLogsResponse | None = lines.cache.get(_SHARED)
    if shared is None:
        shared = pb.WatchLogsResponse(lines=[_line(lines.task_id, row) for row in lines.lines])
        lines.cache[_SHARED] = shared
    return shared


def end(task: TaskRow) -> pb.WatchLogsResponse:
    """Return the message that closes the stream of a Run that is over."""
    status = STATUS[task.state]
    closing = pb.WatchLogsResponse.End(
        cursor=log_cursor.at_end(task.id), text=WORDS[status], status=status, run_id=task.id
    )
    return pb.WatchLogsResponse(end=closing)


def _line(run_id: str, row: LogLineRow) -> pb.WatchLogsResponse.Line:
    return pb.WatchLogsResponse.Line(
        cursor=log_cursor.behind(run_id, row.seq), text=line_text(row), line=log_store.to_message(row)
    )


@lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))
