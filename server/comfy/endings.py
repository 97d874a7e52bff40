"""Sessions that end by themselves: nobody uses them, or nobody waits any more for their start."""

import asyncio
from functools import partial
from typing import Final

import sqlalchemy as sa

from server.clock import SECOND
from server.comfy import prompt_store, session_end, session_store
from server.comfy.starting import READY_SECONDS
from server.database.after_commit import after_commit
from server.database.database import Database
from server.errors import TaskFinal
from server.periodic import repeat
from server.tasks import store
from server.tasks.kernel import Kernel

PERIOD_SECONDS: Final = 5.0
# Whoever asked for a session has left by then, or was on a server that is gone.
_ABANDONED_SECONDS: Final = 2 * READY_SECONDS
# Prompts ended in one unit of work.
_PROMPTS_AT_ONCE: Final = 100


class Endings:
    """Ends sessions while `run` runs. Several servers may do it for one database."""

    def __init__(self, database: Database, kernel: Kernel, *, idle_minutes: int, wait_seconds: int) -> None:
        """End sessions `idle_minutes` after their last use, 0 for never. They wait `wait_seconds` for a worker."""
        self._database = database
        self._kernel = kernel
        self._idle_minutes = idle_minutes
        self._prompt_ended = asyncio.Event()
        self._abandoned_seconds = _ABANDONED_SECONDS + 2 * wait_seconds

    async def run(self) -> None:
        """End what has to end until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(
                repeat(self.tick, seconds=PERIOD_SECONDS, broken_off="ending idle sessions was broken off")
            )
            group.create_task(
                repeat(self._end_finished_when_told, seconds=0, broken_off="ending finished sessions was broken off")
            )

    def prompt_ended(self) -> None:
        """A prompt has ended: a session that was stopped may have been waiting for that."""
        self._prompt_ended.set()

    async def tick(self) -> None:
        """End once what has to end."""
        if self._idle_minutes:
            await self._end_idle()
        await self._end_finished()
        await self._end_abandoned()
        await self._end_left_behind()

    async def _end_idle(self) -> None:
        used_before = self._kernel.clock() - self._idle_minutes * 60 * SECOND
        idle = partial(session_store.idle, used_before=used_before)
        for session_id in await self._database.scan(idle):
            await self._database.write(partial(self._end_if_idle, session_id=session_id, used_before=used_before))

    async def _end_finished_when_told(self) -> None:
        await self._prompt_ended.wait()
        self._prompt_ended.clear()
        await self._end_finished()

    async def _end_finished(self) -> None:
        for session_id in await self._database.read(session_store.finished):
            await self._database.write(partial(self._end_if_finished, session_id=session_id))

    async def _end_abandoned(self) -> None:
        asked_before = self._kernel.clock() - round(self._abandoned_seconds * SECOND)
        abandoned = partial(session_store.never_ready, asked_before=asked_before)
        for session_id in await self._database.scan(abandoned):
            await self._database.write(partial(self._stop, session_id=session_id, reason="it was never ready"))

    async def _end_left_behind(self) -> None:
        """End prompts that were given back when their session was over already."""
        left = partial(prompt_store.left_behind, limit=_PROMPTS_AT_ONCE)
        for prompt_id in await self._database.scan(left):
            await self._database.write(partial(self._lose, prompt_id=prompt_id))

    def _end_if_idle(self, connection: sa.Connection, *, session_id: str, used_before: int) -> None:
        # Under the lock that whoever queues a prompt takes, too.
        store.get_locked(connection, session_id)
        if session_id in session_store.idle(connection, used_before=used_before):
            reason = f"nobody used it for {self._idle_minutes} minutes"
            self._stop(connection, session_id=session_id, reason=reason)

    def _end_if_finished(self, connection: sa.Connection, *, session_id: str) -> None:
        store.get_locked(connection, session_id)
        if session_id in session_store.finished(connection):
            self._stop(connection, session_id=session_id, reason="stopped")

    def _stop(self, connection: sa.Connection, *, session_id: str, reason: str) -> None:
        try:
            changed = session_end.stop(connection, session_id, self._kernel, reason=reason)
        except TaskFinal:
            return
        after_commit(connection, partial(self._kernel.announce, changed))

    def _lose(self, connection: sa.Connection, *, prompt_id: str) -> None:
        lost = session_end.lose(connection, prompt_id, now=self._kernel.clock())
        if lost is not None:
            after_commit(connection, partial(self._kernel.announce, (lost,)))
