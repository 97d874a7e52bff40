"""Keeps the newest 10,000 rows of the ledger of each schedule, and removes what is older in small steps."""

import asyncio
from typing import Final

import sqlalchemy as sa

from server.database.database import Database
from server.orchestrator.schedules import schedule_store
from server.periodic import repeat

PERIOD_SECONDS: Final = 60.0
# Rows removed in one unit of work, and schedules looked up at once.
AT_ONCE: Final = 500
# After each unit, so that nobody who writes waits long.
PAUSE_SECONDS: Final = 0.02


class Retention:
    """Removes at start and then every minute, for as long as `run` runs. Several servers may do so."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> None:
        """Remove until cancelled."""
        await repeat(self.remove, seconds=PERIOD_SECONDS, broken_off="trimming the ledger was broken off")

    async def remove(self) -> None:
        """Remove what is too much now."""
        while sum([await self._trim(number) for number in await self._database.scan(_full)]):
            pass

    async def _trim(self, number: int) -> int:
        removed = await self._database.write(lambda connection: schedule_store.trim(connection, number, limit=AT_ONCE))
        await asyncio.sleep(PAUSE_SECONDS)
        return removed


def _full(connection: sa.Connection) -> list[int]:
    return schedule_store.with_too_many_records(connection, limit=AT_ONCE)
