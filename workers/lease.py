"""The right to work on one Task: renewed while the work lasts, and the ear for a cancel."""

import asyncio
from typing import Final

import structlog

from switchyard.tasks.v1 import task_pb2
from switchyard.tasks.v1 import worker_service_pb2 as pb
from workers.server_link import ServerLink

# Tasks that are done before this time cost no stream. What was asked before the stream is open is told then.
EAR_SECONDS: Final = 0.1
# A stream that listens for a cancel is opened anew after this time, so that a dead connection is noticed.
WATCH_SECONDS: Final = 60.0

log: Final = structlog.get_logger(__name__)


class Lease:
    """One claimed Task. `cancelled` is set as soon as the server wants it to end."""

    def __init__(self, task: task_pb2.Task, duration_seconds: float) -> None:
        self.task_id = task.id
        self.key = pb.LeaseKey(task_id=task.id, fencing_token=task.lease.fencing_token)
        self.cancelled = asyncio.Event()
        self.cancel_reason = ""
        self._renew_seconds = duration_seconds / 3

    def beside(self, key: pb.LeaseKey) -> "Lease":
        """Return the lease of another Task that was claimed under this one, and is as long."""
        task = task_pb2.Task(id=key.task_id, lease=task_pb2.Lease(fencing_token=key.fencing_token))
        return Lease(task, self._renew_seconds * 3)

    async def renew(self, link: ServerLink) -> None:
        """Renew the lease until this is cancelled.

        Raises:
            LeaseLost: it is over.
        """
        while True:
            await asyncio.sleep(self._renew_seconds)
            response = await link.call(link.tasks.RenewLease, pb.RenewLeaseRequest(lease=self.key))
            if response.cancel_requested:
                self._cancel("")

    async def watch_cancel(self, link: ServerLink) -> None:
        """Return when the Task is to be cancelled, or when the stream ends because the lease is over.

        Raises:
            LeaseLost: it was over already.
        """
        await asyncio.sleep(EAR_SECONDS)
        if await link.persist(lambda: self._watch_once(link)):
            return
        # The stream ended without a word: whether the lease is over is for the server to say.
        await link.call(link.tasks.RenewLease, pb.RenewLeaseRequest(lease=self.key))
        log.warning("the server stopped watching a live lease", task_id=self.task_id)

    async def _watch_once(self, link: ServerLink) -> bool:
        request = pb.WatchCancelRequest(lease=self.key)
        async for response in link.stream(link.tasks.WatchCancel, request, seconds=WATCH_SECONDS):
            self._cancel(response.reason)
            return True
        return False

    def _cancel(self, reason: str) -> None:
        self.cancel_reason = self.cancel_reason or reason
        self.cancelled.set()
