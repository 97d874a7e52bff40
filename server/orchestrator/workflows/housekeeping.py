"""What deleted workflows leave behind: jobs that still waited, and versions that no job needs any more."""

import asyncio
from typing import Final

import sqlalchemy as sa

from server.clock import Clock
from server.database.after_commit import after_commit
from server.database.database import Database
from server.orchestrator.workflows import workflow_store
from server.periodic import repeat
from server.tasks import store
from server.tasks.kernel import Kernel
from server.tasks.task import TaskRow

PERIOD_SECONDS: Final = 600.0
# Jobs cancelled in one unit of work, and the pause behind each, so that nobody who writes waits long.
JOBS_AT_ONCE: Final = 100
PAUSE_SECONDS: Final = 0.02
WORKFLOWS_AT_ONCE: Final = 100
REASON: Final = "The workflow was deleted"


class WorkflowHousekeeping:
    """Clears away at start and then every ten minutes, for as long as `run` runs."""

    def __init__(self, database: Database, kernel: Kernel, clock: Clock) -> None:
        self._database = database
        self._kernel = kernel
        self._clock = clock

    async def run(self) -> None:
        """Clear away until cancelled."""
        await repeat(
            self.clear, seconds=PERIOD_SECONDS, broken_off="clearing away what deleted workflows left was broken off"
        )

    async def clear(self) -> None:
        """Clear away once."""
        after = 0
        while deleted := await self._deleted(after):
            for number, workflow_id in deleted:
                await self.cancel_waiting(workflow_id)
                await self._database.write(
                    lambda connection, number=number, workflow_id=workflow_id: _remove_versions(  # type: ignore[misc]
                        connection, number, workflow_id
                    )
                )
                after = number
                await asyncio.sleep(PAUSE_SECONDS)

    async def cancel_waiting(self, workflow_id: str) -> None:
        """Cancel all jobs of a deleted workflow that wait for a robot."""
        more = True
        while more:
            more = await self._database.write(lambda connection: self.cancel_some(connection, workflow_id))
            await asyncio.sleep(PAUSE_SECONDS if more else 0)

    def cancel_some(self, connection: sa.Connection, workflow_id: str) -> bool:
        """Cancel some jobs of a workflow that wait, within a unit of work; tell whether there may be more."""
        now, hooks = self._clock(), self._kernel.final_hooks
        rows: list[TaskRow] = []
        for job_id in workflow_store.waiting_jobs(connection, workflow_id, limit=JOBS_AT_ONCE):
            rows += store.cancel(connection, job_id, reason=REASON, now=now, hooks=hooks).rows
        after_commit(connection, lambda: self._kernel.announce(rows))
        return len(rows) >= JOBS_AT_ONCE

    async def _deleted(self, after: int) -> list[tuple[int, str]]:
        return await self._database.scan(
            lambda connection: workflow_store.deleted_with_versions(connection, after=after, limit=WORKFLOWS_AT_ONCE)
        )


def _remove_versions(connection: sa.Connection, number: int, workflow_id: str) -> None:
    if not workflow_store.has_live_jobs(connection, workflow_id):
        workflow_store.remove_versions(connection, number)
