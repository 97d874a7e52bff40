"""A run process without a job: made while there was time, so that the next job does not wait for a fork."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from workers.runner.run_link import RunProcess

# A run that has just begun has the processors for itself meanwhile.
PAUSE_SECONDS: Final = 0.02

log: Final = structlog.get_logger(__name__)


class Spare:
    """Keeps one process ready. `make` gives one that is connected; it raises RunnerLost and OSError."""

    def __init__(self, make: Callable[[], Awaitable[RunProcess]]) -> None:
        self._make = make
        self._making: asyncio.Task[RunProcess] | None = None

    def fill(self) -> None:
        """Begin to make a process, unless there is one."""
        if self._making is None:
            self._making = asyncio.create_task(self._made())

    async def take(self) -> RunProcess | None:
        """Return the process if it is ready; None when there is none, or it has ended in the meantime."""
        making = self._making
        if making is None or not making.done():
            return None
        self._making = None
        if making.cancelled() or making.exception() is not None:
            log.debug("there was no spare process", reason=str(making))
            return None
        run = making.result()
        if not run.over:
            return run
        await run.close()
        return None

    async def close(self) -> None:
        """End the process."""
        if self._making is not None:
            self._making.cancel()
            await asyncio.wait([self._making])
        run = await self.take()
        if run is not None:
            await run.close()

    async def _made(self) -> RunProcess:
        await asyncio.sleep(PAUSE_SECONDS)
        return await self._make()
