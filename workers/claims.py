"""Claims Tasks while there is room for them.

Nothing here knows whether there is work: `look` is called by whoever thinks so (a message of the queue, a slot that
became free, a server that came back), and the server decides.
"""

import asyncio
from collections.abc import Collection, Mapping
from typing import Final

import structlog

from switchyard.tasks.v1 import task_pb2
from switchyard.tasks.v1 import worker_service_pb2 as pb
from workers.assignment import Desk
from workers.server_link import Refused, ServerLink

# After the server refused a claim (a wrong token, a fault of its own) it is asked again this much later.
REFUSED_SECONDS: Final = 5.0

log: Final = structlog.get_logger(__name__)


class Claims:
    """Fills the slots of a worker. `slots` says how many Tasks of each kind may be at work at a time."""

    def __init__(
        self, link: ServerLink, desk: Desk, slots: Mapping[str, int], *, worker_id: str, worker_host: str
    ) -> None:
        self._link = link
        self._desk = desk
        self._free = dict(slots)
        self._worker_id = worker_id
        self._worker_host = worker_host
        self._look = asyncio.Event()
        self._look.set()
        # Kinds of which something may wait.
        self._wanted = set(slots)
        self._open = True
        self._barred: frozenset[str] = frozenset()
        self._performing: set[asyncio.Task[None]] = set()

    @property
    def at_work(self) -> int:
        """How many Tasks this worker holds."""
        return len(self._performing)

    def has_room(self) -> bool:
        """Whether another Task of some kind would be taken."""
        return self._open and bool(self._kinds())

    def look(self, kinds: Collection[str] | None = None) -> None:
        """There may be work of `kinds`, of any if None: claim soon."""
        self._wanted.update(self._free if kinds is None else kinds)
        self._look.set()

    async def claim(self, performing: asyncio.TaskGroup) -> None:
        """Claim whenever there may be work and put each Task into `performing`, until `close`."""
        while self._open:
            await self._look.wait()
            self._look.clear()
            try:
                while await self._claim_one(performing):
                    pass
            except Refused as refusal:
                log.error("the server refused a claim", code=refusal.code.name, reason=refusal.reason)
                await asyncio.sleep(REFUSED_SECONDS)
                self.look()

    def bar(self, kinds: Collection[str]) -> None:
        """Claim no Tasks of `kinds` until this is called again."""
        if self._barred != frozenset(kinds):
            self._barred = frozenset(kinds)
            self.look()

    def close(self) -> None:
        """Claim no more; a claim that is on its way is still taken."""
        self._open = False
        self._look.set()

    async def wait_idle(self, seconds: float) -> None:
        """Return when no Task is held any more, or after `seconds`."""
        if self._performing:
            await asyncio.wait(set(self._performing), timeout=seconds)

    def abandon(self) -> None:
        """Drop every Task that is held; their processes are killed, their leases run out."""
        for performed in self._performing:
            log.warning("a task is abandoned", task_id=performed.get_name())
            performed.cancel()

    def _kinds(self) -> list[str]:
        """Return the kinds of which another Task would be taken."""
        return [kind for kind, free in self._free.items() if free > 0 and kind not in self._barred]

    async def _claim_one(self, performing: asyncio.TaskGroup) -> bool:
        # A kind without a free slot is wanted again when one becomes free.
        kinds = [kind for kind in self._kinds() if kind in self._wanted]
        self._wanted.clear()
        if not kinds or not self._open:
            return False
        request = pb.ClaimTaskRequest(worker_id=self._worker_id, worker_host=self._worker_host, kinds=kinds)
        response = await self._link.call(self._link.tasks.ClaimTask, request)
        if not response.HasField("task"):
            return False
        self._wanted.update(kinds)
        self._free[response.task.kind] -= 1
        lease_seconds = response.lease_duration.ToTimedelta().total_seconds()
        performed = performing.create_task(self._perform(response.task, lease_seconds), name=response.task.id)
        self._performing.add(performed)
        performed.add_done_callback(self._performing.discard)
        return True

    async def _perform(self, task: task_pb2.Task, lease_seconds: float) -> None:
        log.info("task claimed", task_id=task.id, kind=task.kind, attempt=task.attempt)
        try:
            await self._desk.perform(task, lease_seconds)
        finally:
            self._free[task.kind] += 1
            self.look([task.kind])
