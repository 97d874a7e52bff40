"""Tells the server how far an attempt has come: the newest word counts, older ones are skipped."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from switchyard.tasks.v1 import task_pb2

# People watch this; four times a second looks smooth.
PAUSE_SECONDS: Final = 0.25


class ProgressReport:
    """The progress of one attempt. `send` tells the server, and repeats the call while it is away."""

    def __init__(self, send: Callable[[task_pb2.Progress], Awaitable[object]]) -> None:
        self._send = send
        self._newest: task_pb2.Progress | None = None
        self._changed = asyncio.Event()

    def set(self, fraction: float | None, message: str) -> None:
        """Note the newest word; `fraction` is 0 to 1, None when not known."""
        self._newest = task_pb2.Progress(fraction=fraction, message=message[:500])
        self._changed.set()

    async def report(self) -> None:
        """Send the newest word whenever it has changed, a moment later, until this is cancelled."""
        while True:
            await self._changed.wait()
            await asyncio.sleep(PAUSE_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Send the newest word unless it was sent."""
        newest = self.unsent()
        if newest is not None:
            await self._send(newest)

    def unsent(self) -> task_pb2.Progress | None:
        """Return the newest word to whoever tells it now; None when all was told."""
        self._changed.clear()
        newest, self._newest = self._newest, None
        return newest
