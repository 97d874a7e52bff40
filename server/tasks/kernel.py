"""The kernel as the rest of the server uses it: the store, and whom to wake after a commit."""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, Protocol

import sqlalchemy as sa

from server.clock import Clock
from server.database.after_commit import after_commit
from server.database.database import Database
from server.errors import LeaseLost, NotFound
from server.fan_out import ALONE, FanOut
from server.tasks import claiming, lifecycle, store, task_list
from server.tasks.changes import Changes
from server.tasks.claiming import NO_CLAIM_HOOKS, ClaimHooks
from server.tasks.store import Change, FinalHooks
from server.tasks.task import NewTask, TaskRow
from switchyard.tasks.v1.task_pb2 import Task

LEASE_SECONDS: Final = 30.0
# How often those look at the database who wait for what time alone may bring.
LOOK_SECONDS: Final = 1.0
# Leases taken back in one unit of work.
EXPIRE_LIMIT: Final = 100

Listener = Callable[[TaskRow], None]


class Announcer(Protocol):
    """Wakes workers."""

    def announce(self, kinds: Sequence[str]) -> None:
        """Say that a Task of each of `kinds` waits, one entry per Task. Returns at once and never fails."""


class Kernel:
    """All Tasks of the server.

    Writers that combine a Task with rows of their own call `store` within their unit of work, with `claim_hooks` or
    `final_hooks` where it asks for them, and `announce` after it.
    """

    def __init__(
        self,
        database: Database,
        queue: Announcer,
        clock: Clock,
        final_hooks: FinalHooks,
        *,
        claim_hooks: ClaimHooks = NO_CLAIM_HOOKS,
        lease_seconds: float = LEASE_SECONDS,
        fan_out: FanOut = ALONE,
    ) -> None:
        self.final_hooks = final_hooks
        self.claim_hooks = claim_hooks
        self.changes = Changes(fan_out)
        self.lease_seconds = lease_seconds
        self._database = database
        self._queue = queue
        self._listeners: dict[str, list[Listener]] = {}
        self._barred_kinds: Callable[[str], Collection[str]] = lambda _: ()
        self.clock = clock

    def listen(self, kinds: Iterable[str], listener: Listener) -> None:
        """Have `listener` called with each Task of `kinds` whose state may have changed, after the commit.

        It may be called twice with one state, and late: with a row that has moved on since. It returns at once.
        """
        for kind in kinds:
            self._listeners.setdefault(kind, []).append(listener)

    def bar(self, barred_kinds: Callable[[str], Collection[str]]) -> None:
        """Keep workers from claiming Tasks of the kinds that `barred_kinds` returns for the id of a worker."""
        self._barred_kinds = barred_kinds

    def announce(self, rows: Iterable[TaskRow]) -> None:
        """Wake workers for the Tasks of `rows` that wait, and those who watch one of them or its subject.

        Called after the commit. A Task that is not yet due is announced by the sweep.
        """
        now = self.clock()
        due: list[str] = []
        for row in rows:
            self.changes.notify((row.id, row.subject))
            for listener in self._listeners.get(row.kind, ()):
                listener(row)
            if row.state == Task.STATE_QUEUED and (row.not_before is None or row.not_before <= now):
                due.append(row.kind)
        if due:
            self._queue.announce(due)

    async def get(self, task_id: str) -> TaskRow:
        """Return the Task.

        Raises:
            NotFound: there is none of that id.
        """
        row = await self._database.read(lambda connection: store.get(connection, task_id))
        if row is None:
            raise NotFound(f"task {task_id!r} is not known", task_id=task_id)
        return row

    async def create(self, new: NewTask) -> TaskRow:
        """Store a Task, wake a worker and return the Task."""
        now = self.clock()
        return await self._change(lambda connection: Change(store.insert(connection, new, now=now)))

    async def cancel(self, task_id: str, reason: str) -> TaskRow:
        """Ask a Task to end and return it. Repeated it changes nothing.

        Raises:
            NotFound: there is no such Task.
            TaskFinal: it has succeeded or failed.
        """
        now, hooks = self.clock(), self.final_hooks
        return await self._change(
            lambda connection: store.cancel(connection, task_id, reason=reason, now=now, hooks=hooks)
        )

    async def wait_final(self, task_id: str, timeout_seconds: float) -> TaskRow:
        """Return the Task once it is final, or as it stands after `timeout_seconds`.

        Raises:
            NotFound: there is no such Task, or it was deleted meanwhile.
        """
        end = time.monotonic() + timeout_seconds
        with self.changes.watch(task_id) as watch:
            row = await self.get(task_id)
            while not row.final and (left := end - time.monotonic()) > 0:
                await watch.wait(min(left, self.changes.look_seconds))
                row = await self.get(task_id)
        return row

    async def claim(
        self, *, worker_id: str, worker_host: str, kinds: Sequence[str], tenant: str | None = None
    ) -> TaskRow | None:
        """Lease the best waiting Task of `kinds`, of `tenant` if given, to a worker; None when there is none for it."""
        now, lease_seconds, hooks = self.clock(), self.lease_seconds, self.claim_hooks
        barred = self._barred_kinds(worker_id)
        kinds = [kind for kind in kinds if kind not in barred]

        def work(connection: sa.Connection) -> TaskRow | None:
            row = claiming.claim(
                connection,
                worker_id=worker_id,
                worker_host=worker_host,
                kinds=kinds,
                lease_seconds=lease_seconds,
                now=now,
                hooks=hooks,
                tenant=tenant,
            )
            if row is not None:
                after_commit(connection, lambda: self.announce([row]))
            return row

        return await self._database.write(work)

    async def held(self, task_id: str, token: int) -> TaskRow:
        """Return the Task if `token` is that of its live lease. Raises LeaseLost."""
        row = await self._database.read(lambda connection: store.get(connection, task_id))
        if row is None:
            raise LeaseLost(task_id)
        return lifecycle.held(row, token)

    async def renew(self, task_id: str, token: int) -> TaskRow:
        """Renew a lease and return the Task. Raises LeaseLost."""
        now, lease_seconds = self.clock(), self.lease_seconds
        return await self._database.write(
            lambda connection: store.renew(connection, task_id, token, lease_seconds=lease_seconds, now=now)
        )

    async def report_progress(self, task_id: str, token: int, progress: lifecycle.Progress) -> TaskRow:
        """Store how far the work has come and return the Task. Raises LeaseLost."""
        now = self.clock()
        row = await self._database.write(
            lambda connection: store.report_progress(connection, task_id, token, progress, now=now)
        )
        self.changes.notify((row.id, row.subject))
        return row

    async def finish(
        self,
        task_id: str,
        token: int,
        outcome: lifecycle.Outcome,
        *,
        exit_code: int | None = None,
        progress: lifecycle.Progress | None = None,
    ) -> TaskRow:
        """End an attempt and return the Task; `progress` None leaves what was reported.

        Repeated with the same token it changes nothing.

        Raises:
            LeaseLost: `token` is not that of the live lease.
            InvalidArgument: a cancel is reported that nobody asked for.
        """
        now, hooks = self.clock(), self.final_hooks
        return await self._change(
            lambda connection: store.finish(
                connection, task_id, token, outcome, exit_code=exit_code, progress=progress, now=now, hooks=hooks
            )
        )

    async def release(self, task_id: str, token: int) -> TaskRow:
        """Give a Task back unfinished and return it. Raises LeaseLost."""
        now, hooks = self.clock(), self.final_hooks
        return await self._change(lambda connection: store.release(connection, task_id, token, now=now, hooks=hooks))

    async def expire_leases(self) -> int:
        """Take Tasks from workers whose lease has run out and return how many were taken."""
        now, hooks = self.clock(), self.final_hooks
        # Looked at first without a transaction: nearly always there is nothing to do.
        if not await self._database.read(lambda connection: store.any_expired(connection, now=now)):
            return 0

        def work(connection: sa.Connection) -> int:
            changes = store.expire(connection, limit=EXPIRE_LIMIT, now=now, hooks=hooks)
            after_commit(connection, lambda: self.announce(row for change in changes for row in change.rows))
            return len(changes)

        return await self._database.write(work)

    async def extend_leases(self) -> int:
        """Give every live lease a whole term from now, because we were away, and return how many were shorter."""
        now, lease_seconds = self.clock(), self.lease_seconds
        return await self._database.write(
            lambda connection: store.extend_leases(connection, lease_seconds=lease_seconds, now=now)
        )

    async def announce_waiting(self) -> None:
        """Wake a worker for each kind of which a Task waits and is due, in case an earlier call was lost."""
        now = self.clock()
        kinds = await self._database.read(lambda connection: task_list.waiting_kinds(connection, now=now))
        if kinds:
            self._queue.announce(kinds)

    async def _change(self, work: Callable[[sa.Connection], Change]) -> TaskRow:
        def told(connection: sa.Connection) -> TaskRow:
            change = work(connection)
            # Also when the caller has left meanwhile.
            after_commit(connection, lambda: self.announce(change.rows))
            return change.task

        return await self._database.write(told)
