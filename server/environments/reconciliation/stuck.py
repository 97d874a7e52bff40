"""Looks for environments whose operation was lost: they change, and nobody works on them. No provider is asked."""

from functools import partial
from typing import Final

import sqlalchemy as sa

from server.database.after_commit import after_commit
from server.database.database import Database
from server.environments import environment_store
from server.environments.lifecycle import CHANGING
from server.environments.new_task import environment_subject
from server.environments.reconciliation import judging, reconciliation_store
from server.environments.reconciliation.reconciling import Judged, carry_out, inputs, is_news
from server.periodic import repeat
from server.tasks.kernel import Kernel

PERIOD_SECONDS: Final = 30.0


class Stuck:
    """Drives them on while `run` runs. Several servers may do it for one database."""

    def __init__(self, database: Database, kernel: Kernel) -> None:
        self._database = database
        self._kernel = kernel

    async def run(self) -> None:
        """Look until cancelled."""
        await repeat(self.look, seconds=PERIOD_SECONDS, broken_off="driving environments on was broken off")

    async def look(self) -> None:
        """Look at all of them once."""
        for environment_id in await self._database.scan(self._lost):
            await self._database.write(partial(self._drive_on, environment_id=environment_id))

    def _lost(self, connection: sa.Connection) -> list[str]:
        now, work = self._kernel.clock(), reconciliation_store.work_by_subject(connection)
        rows = environment_store.in_status(connection, *CHANGING)
        return [
            row.id
            for row in rows
            if is_news(row, judging.look(row, work.get(environment_subject(row.id), ()), now=now))
        ]

    def _drive_on(self, connection: sa.Connection, *, environment_id: str) -> None:
        now = self._kernel.clock()
        row = environment_store.get_locked(connection, environment_id)
        if row is None:
            return
        subject = environment_subject(row.id)
        work = reconciliation_store.work_of(connection, [subject]).get(subject, ())
        verdict = judging.look(row, work, now=now)
        if is_news(row, verdict):
            judged = Judged(row, verdict, inputs(row, work))
            tasks = carry_out(connection, [judged], now=now, hooks=self._kernel.final_hooks)
            after_commit(connection, partial(self._kernel.announce, tasks))
            after_commit(connection, partial(self._kernel.changes.notify, [subject]))
