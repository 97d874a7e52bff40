"""Removes entries of the audit log that are kept for long enough."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final

import sqlalchemy as sa

from server.accounts.audit import audit_store
from server.accounts.audit.audit_store import MOST_DENIALS
from server.clock import SECOND, Clock
from server.database.database import Database
from server.periodic import repeat

DAY: Final = 86_400 * SECOND
PERIOD_SECONDS: Final = 3600.0
AT_ONCE: Final = 1_000
# Between two removals, so that nobody who writes waits long.
PAUSE_SECONDS: Final = 0.02


class AuditRetention:
    """Removes at start and then every hour. `days` 0 keeps entries for ever; denials are bounded in number too."""

    def __init__(self, database: Database, clock: Clock, *, days: int, denials: int = MOST_DENIALS) -> None:
        self._database = database
        self._clock = clock
        self._days = days
        self._denials = denials

    async def run(self) -> None:
        """Remove until cancelled."""
        await repeat(
            self.remove,
            seconds=PERIOD_SECONDS,
            broken_off="removing old audit entries was broken off",
        )

    async def remove(self) -> int:
        """Remove what is beyond the limits now, and return how many entries that were."""
        count = await self._remove(partial(audit_store.remove_excess_denials, keep=self._denials, limit=AT_ONCE))
        if self._days:
            before = self._clock() - self._days * DAY
            count += await self._remove(partial(audit_store.remove_old, before=before, limit=AT_ONCE))
        return count

    async def _remove(self, some: Callable[[sa.Connection], int]) -> int:
        count = 0
        while removed := await self._database.write(some):
            count += removed
            await asyncio.sleep(PAUSE_SECONDS)
        return count
