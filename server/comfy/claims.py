"""Gives prompts to the worker that holds their session: at once, or as soon as one can be sent.

A prompt can be sent when none of ours is at the same ComfyUI. Whoever waits is woken by every prompt of that ComfyUI
that is queued or ends, whatever its session.
"""

import asyncio
import time

import sqlalchemy as sa
import structlog

from server.comfy import prompt_store, session_store
from server.comfy.new_task import PROMPT_KIND, SESSION_KIND, prompt_subject
from server.comfy.session_row import SessionRow
from server.database.after_commit import after_commit
from server.database.database import Database
from server.errors import InvalidArgument, LeaseLost
from server.tasks import claiming, lifecycle, store
from server.tasks.kernel import LOOK_SECONDS, Kernel
from server.tasks.task import TaskRow
from switchyard.tasks.v1.worker_service_pb2 import LeaseKey

log = structlog.get_logger(__name__)


class PromptClaims:
    """Gives prompts to the workers that call this server."""

    def __init__(self, database: Database, kernel: Kernel) -> None:
        self._database = database
        self._kernel = kernel
        kernel.listen((PROMPT_KIND,), self._prompt_changed)
        self._closed = False

    async def claim(self, lease: LeaseKey, *, wait_seconds: float) -> TaskRow | None:
        """Lease the oldest prompt of a session to whoever holds it, None when none can be sent within `wait_seconds`.

        Raises:
            LeaseLost: the lease of the session is over.
            InvalidArgument: it is that of something else.
        """
        end = time.monotonic() + wait_seconds
        session = await self._database.read(lambda connection: held_session(connection, lease))
        with self._kernel.changes.watch(session.comfy_key) as watch:
            while True:
                row = await self._take(lease)
                left = end - time.monotonic()
                if row is not None or left <= 0 or self._closed:
                    return row
                await watch.wait(min(left, LOOK_SECONDS))

    async def give_back(self, prompt: TaskRow) -> None:
        """Take a prompt back that could not be delivered."""
        try:
            await self._kernel.release(prompt.id, prompt.fencing_token)
        except LeaseLost:
            return
        log.info("a prompt could not be delivered and waits again", prompt_id=prompt.id)

    def close(self) -> None:
        """Let nobody wait any longer than a look takes, because the server stops."""
        self._closed = True

    async def _take(self, lease: LeaseKey) -> TaskRow | None:
        """Lease a prompt if one can be sent; to a caller who leaves meanwhile none."""
        taking = asyncio.ensure_future(self._take_now(lease))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            row = await taking
            if row is not None:
                await self.give_back(row)
            raise

    async def _take_now(self, lease: LeaseKey) -> TaskRow | None:
        # Looked at first without a transaction: nearly always there is nothing to do.
        if not await self._database.read(lambda connection: _worth_a_try(connection, lease)):
            return None
        return await self._database.write(lambda connection: self._claim(connection, lease))

    def _claim(self, connection: sa.Connection, lease: LeaseKey) -> TaskRow | None:
        session = store.held(connection, lease.task_id, lease.fencing_token)
        row = claiming.claim(
            connection,
            worker_id=session.worker_id,
            worker_host=session.worker_host,
            kinds=(PROMPT_KIND,),
            lease_seconds=self._kernel.lease_seconds,
            now=self._kernel.clock(),
            hooks=self._kernel.claim_hooks,
            subject=prompt_subject(session.id),
        )
        if row is not None:
            after_commit(connection, lambda: self._kernel.announce([row]))
        return row

    def _prompt_changed(self, row: TaskRow) -> None:
        self._kernel.changes.notify((row.concurrency_key,))


def _worth_a_try(connection: sa.Connection, lease: LeaseKey) -> bool:
    """Whether a prompt of the session waits. Raises LeaseLost."""
    require_session(connection, lease)
    return prompt_store.any_waiting(connection, lease.task_id)


def require_session(connection: sa.Connection, lease: LeaseKey) -> TaskRow:
    """Return the Task of the session that `lease` is for.

    Raises:
        LeaseLost: the lease is over.
        InvalidArgument: it is for something else.
    """
    return _require(connection, lease, SESSION_KIND)


def held_session(connection: sa.Connection, lease: LeaseKey) -> SessionRow:
    """Return the session that `lease` is for. Raises as `require_session`."""
    row = session_store.get(connection, require_session(connection, lease).id)
    if row is None:
        raise LeaseLost(lease.task_id)
    return row


def require_prompt(connection: sa.Connection, lease: LeaseKey) -> TaskRow:
    """Return the Task of the prompt that `lease` is for. Raises as `require_session`."""
    return _require(connection, lease, PROMPT_KIND)


def _require(connection: sa.Connection, lease: LeaseKey, kind: str) -> TaskRow:
    row = store.get(connection, lease.task_id)
    if row is None:
        raise LeaseLost(lease.task_id)
    if row.kind != kind:
        raise InvalidArgument.field("lease", f"must be that of a task of kind {kind}")
    return lifecycle.held(row, lease.fencing_token)
