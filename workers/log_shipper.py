"""Numbers the log lines of one attempt and sends them in order, each exactly once as far as the server's log shows.

The first line goes at once, later ones in batches. A batch is repeated until the server has answered, however long it
is away; lines wait in a `LogBacklog` meanwhile.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from switchyard.tasks.v1.task_pb2 import LogLine
from workers.flow.host import Level
from workers.log_backlog import LogBacklog
from workers.runner.messages import cut

# A batch goes after this time, or as soon as it has this many lines.
BATCH_SECONDS: Final = 0.05
BATCH_LINES: Final = 500
# Bounds of one call: 5,000 lines by the contract, and well below the 4 MiB a gRPC server takes.
CALL_LINES: Final = 5000
CALL_BYTES: Final = 1024 * 1024

LEVELS: Final[dict[Level, LogLine.Level.ValueType]] = {
    "debug": LogLine.LEVEL_DEBUG,
    "info": LogLine.LEVEL_INFO,
    "warning": LogLine.LEVEL_WARNING,
    "error": LogLine.LEVEL_ERROR,
}


# Stores lines, the first of which has that number within the attempt; repeats the call while the server is away.
Send: TypeAlias = Callable[[int, Sequence[LogLine]], Awaitable[object]]


class LogShipper:
    """The log of one attempt. `send` raises LeaseLost when nothing more is taken."""

    def __init__(self, send: Send, spill_path: Path) -> None:
        self._send = send
        self._backlog = LogBacklog(spill_path)
        self._next_sequence = 1  # of the first line that is not in a batch yet
        self._arrived = asyncio.Event()
        self._full = asyncio.Event()
        self._sent = asyncio.Event()
        self._sent.set()

    def add(self, level: Level, message: str, micros: int | None = None) -> None:
        """Add a line, written at `micros` (now if None). Longer than the contract allows, it is cut."""
        line = LogLine(level=LEVELS[level], message=cut(message))
        line.timestamp.FromMicroseconds(time.time_ns() // 1000 if micros is None else micros)
        self._backlog.append(line)
        self._sent.clear()
        self._arrived.set()
        if len(self._backlog) >= BATCH_LINES:
            self._full.set()

    async def ship(self) -> None:
        """Send lines as they come, until this is cancelled.

        Raises:
            LeaseLost: nothing more is taken.
            Refused: the server does not take these lines; a fault of ours.
        """
        while True:
            await self._arrived.wait()
            await self._send_batch()
            if not len(self._backlog):
                self._arrived.clear()
                self._sent.set()
            if len(self._backlog) < BATCH_LINES:
                self._full.clear()
                await self._pause()

    async def flush(self) -> None:
        """Return when every line so far is stored."""
        self._full.set()
        await self._sent.wait()

    def close(self) -> None:
        """Drop what was not sent, and the file it may lie in."""
        self._backlog.close()

    async def _send_batch(self) -> None:
        lines = self._backlog.take(count=CALL_LINES, size_bytes=CALL_BYTES)
        await self._send(self._next_sequence, lines)
        self._next_sequence += len(lines)

    async def _pause(self) -> None:
        """Let a batch gather."""
        try:
            async with asyncio.timeout(BATCH_SECONDS):
                await self._full.wait()
        except TimeoutError:
            return
