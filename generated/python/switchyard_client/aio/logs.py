"""A log that is followed: line by line, also across a restart of the server."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from ..log import LogReader
from .stream import Stream

L = TypeVar("L")
E = TypeVar("E")


class Logs(Generic[L, E]):
    """The lines of a log, each once, as `async for` takes them; the loop ends with what is logged."""

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

    def __aiter__(self) -> Logs[L, E]:
        return self

    async def __anext__(self) -> L:
        while True:
            line = self._reader.give()
            if line is not None:
                return line
            if self._reader.over:
                raise StopAsyncIteration
            self._reader.take(await self._stream.__anext__())

    async def aclose(self) -> None:
        """End the stream."""
        await self._stream.aclose()

    async def __aenter__(self) -> Logs[L, E]:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
