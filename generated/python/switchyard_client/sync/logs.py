"""A log that is followed: line by line, also across a restart of the server.

Made from the module for asyncio by `make generate`; do not edit."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from ..log import LogReader
from .stream import Stream

L = TypeVar("L")
E = TypeVar("E")


class Logs(Generic[L, E]):
    """The lines of a log, each once, as `for` takes them; the loop ends with what is logged."""

    def __init__(self, stream: Stream[Any], reader: LogReader[L, E]) -> None:
        self._stream = stream
        self._reader = reader

    @property
    def cursor(self) -> str:
        """Place behind the last line; `after` of a later call, to go on there."""
        return self._reader.cursor

    @property
    def end(self) -> E | None:
        """How it ended; None before the end, and when what is logged was deleted."""
        return self._reader.end

    def __iter__(self) -> Logs[L, E]:
        return self

    def __next__(self) -> L:
        while True:
            line = self._reader.give()
            if line is not None:
                return line
            if self._reader.over:
                raise StopIteration
            self._reader.take(self._stream.__next__())

    def close(self) -> None:
        """End the stream."""
        self._stream.close()

    def __enter__(self) -> Logs[L, E]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
