"""What has to be done for the figures by itself: ended jobs are added to the sums, old events and hours go."""

import asyncio
from typing import Final

import sqlalchemy as sa
import structlog

from server.clock import Clock
from server.database.away import BREAKS
from server.database.database import Database
from server.orchestrator.metrics import activity_store, job_sums

PERIOD_SECONDS: Final = 2.0
# Jobs added in one unit of work: so few that nobody who writes waits long for it.
FOLD_LIMIT: Final = 500
# Old events and hours are looked for once in so many periods.
PERIODS_BETWEEN_CLEARINGS: Final = 150

log = structlog.get_logger(__name__)


class Housekeeping:
    """Adds and clears away for as long as `run` runs. Several servers may do it for one database."""

    def __init__(self, database: Database, clock: Clock, *, fold_limit: int = FOLD_LIMIT) -> None:
        self._database = database
        self._clock = clock
        self._fold_limit = fold_limit

    async def run(self) -> None:
        """Work until cancelled."""
        periods = 0
        while True:
            try:
                await self.fold()
                if periods % PERIODS_BETWEEN_CLEARINGS == 0:
                    await self.clear()
            except BREAKS:
                log.warning("sums of jobs were not brought up to date; the next turn does it", exc_info=True)
            periods += 1
            await asyncio.sleep(PERIOD_SECONDS)

    async def fold(self) -> None:
        """Add every job that has ended to the sums."""
        if not await self._database.read(job_sums.any_unsummed):
            return
        folded = self._fold_limit
        while folded == self._fold_limit:
            folded = await self._database.write(self._fold_some)

    async def clear(self) -> None:
        """Remove what is too old."""
        now = self._clock()
        removed = activity_store.TRIM_LIMIT
        while removed == activity_store.TRIM_LIMIT:
            removed = await self._database.write(activity_store.trim)
        await self._database.write(lambda connection: job_sums.forget_hours(connection, now=now))

    def _fold_some(self, connection: sa.Connection) -> int:
        return job_sums.fold(connection, limit=self._fold_limit)
