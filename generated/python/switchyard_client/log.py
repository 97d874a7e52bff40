"""The lines of a log out of the messages of its stream, and the place where a reader is. Holds no connection."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

L = TypeVar("L")
E = TypeVar("E")


class LogReader(Generic[L, E]):
    """Takes messages, gives lines.

    Attributes:
        cursor: place behind the line that was given last; a stream opened with it as `after` goes on there.
        end: how it ended, once every line was given.
    """

    def __init__(self, line_of: Callable[[Any], L | None], after: str) -> None:
        self.cursor = after
        self.end: E | None = None
        self._line_of = line_of
        self._waiting: deque[tuple[str, L]] = deque()
        self._last: E | None = None

    def take(self, message: Any) -> None:
        """Take the next message of the stream."""
        for line in message.lines:
            shown = self._line_of(line)
            if shown is not None:
                self._waiting.append((line.cursor, shown))
        if message.HasField("end"):
            self._last = message.end

    def give(self) -> L | None:
        """Return the next line, None when the next message is needed, or nothing follows: `over` tells."""
        if self._waiting:
            self.cursor, line = self._waiting.popleft()
            return line
        if self._last is not None and self.end is None:
            self.end = self._last
            self.cursor = getattr(self._last, "cursor", "") or self.cursor
        return None

    @property
    def over(self) -> bool:
        """Whether the end was given."""
        return self.end is not None


def line_of_run(line: Any) -> Any | None:
    """Return the line of a run's log; None for one that only names the instance."""
    return line.line if line.HasField("line") else None


def line_of_job(line: Any) -> Any:
    """Return the line of a job's log, which is shown as it is."""
    return line
