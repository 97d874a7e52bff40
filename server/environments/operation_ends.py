"""Waits a while for an operation to end, so that whoever asked for it learns how it went."""

import asyncio
from typing import Final

from server.errors import EnvironmentFailed
from server.tasks.kernel import Kernel
from server.tasks.task import TaskRow
from switchyard.tasks.v1.task_pb2 import Task

# Source: the description of the API. What takes longer goes on by itself.
WAIT_SECONDS: Final = 10.0


class OperationEnds:
    """Waits for Tasks. Nobody waits any longer once it is closed."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._limits: set[asyncio.Timeout] = set()
        self._closed = False

    async def wait(self, task_id: str, environment_id: str) -> None:
        """Return when the Task has ended, or goes on for longer than a caller waits.

        Raises:
            EnvironmentFailed: it has failed, or was cancelled.
        """
        task = await self._final(task_id)
        if task is None or task.state == Task.STATE_SUCCEEDED:
            return
        words = task.error_message or "the operation was cancelled"
        raise EnvironmentFailed(words, environment_id=environment_id)

    def close(self) -> None:
        """Let nobody wait any longer: the server stops."""
        self._closed = True
        for limit in self._limits:
            limit.reschedule(asyncio.get_running_loop().time())

    async def _final(self, task_id: str) -> TaskRow | None:
        """Return the Task once it has ended; None when it goes on."""
        try:
            async with asyncio.timeout(0 if self._closed else None) as limit:
                self._limits.add(limit)
                try:
                    row = await self._kernel.wait_final(task_id, WAIT_SECONDS)
                finally:
                    self._limits.discard(limit)
        except TimeoutError:
            return None
        return row if row.final else None
