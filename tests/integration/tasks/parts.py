"""Small real parts that the tests of the kernel are put together from."""

from collections.abc import Sequence

from server.clock import SECOND
from server.tasks.kernel import Kernel
from server.tasks.task import NewTask, TaskRow
from switchyard.bots.v1.bot_worker_service_pb2 import RunBot

NOON = 1_700_000_000 * SECOND


class HandClock:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)


class NoteQueue:
    """A queue that keeps what was announced."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    def announce(self, kinds: Sequence[str]) -> None:
        self.kinds.extend(kinds)


def run(
    subject: str = "bot_instances/1",
    *,
    kind: str = "run_bot",
    priority: int = 10,
    max_attempts: int = 1,
    not_before: int | None = None,
    key: str = "",
    limit: int = 0,
) -> NewTask:
    return NewTask(
        kind=kind,
        subject=subject,
        tenant="user-1",
        payload=RunBot(instance_id="1"),
        priority=priority,
        max_attempts=max_attempts,
        not_before=not_before,
        concurrency_key=key,
        concurrency_limit=limit,
    )


async def claim(kernel: Kernel, *kinds: str) -> TaskRow | None:
    return await kernel.claim(worker_id="w1", worker_host="host1", kinds=kinds or ("run_bot",))


async def claimed(kernel: Kernel, new: NewTask | None = None) -> TaskRow:
    """Create a Task and lease the best one."""
    await kernel.create(new or run())
    row = await claim(kernel)
    assert row is not None
    return row
