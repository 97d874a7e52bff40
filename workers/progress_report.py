"""Tells the server how far an attempt has come: the newest word counts, older ones are skipped."""

import asyncio
from typing import Final

from switchyard.tasks.v1 import task_pb2
from switchyard.tasks.v1 import worker_service_pb2 as pb
from workers.server_link import ServerLink

# People watch this; four times a second looks smooth.
PAUSE_SECONDS: Final = 0.25


class ProgressReport:
    """The progress of one attempt."""

    def __init__(self, link: ServerLink, lease: pb.LeaseKey) -> None:
        self._link = link
        self._lease = lease
        self._newest: task_pb2.Progress | None = None
        self._changed = asyncio.Event()

    def set(self, fraction: float | None, message: str) -> None:
        """Note the newest word; `fraction` is 0 to 1, None when not known."""
        self._newest = task_pb2.Progress(fraction=fraction, message=message[:500])
        self._changed.set()

    async def report(self) -> None:
        """Send the newest word whenever it has changed, until this is cancelled."""
        while True:
            await self._changed.wait()
            await self.flush()
            await asyncio.sleep(PAUSE_SECONDS)

    async def flush(self) -> None:
        """Send the newest word unless it was sent."""
        self._changed.clear()
        newest, self._newest = self._newest, None
        if newest is not None:
            request = pb.ReportProgressRequest(lease=self._lease, progress=newest)
            await self._link.call(self._link.tasks.ReportProgress, request)
