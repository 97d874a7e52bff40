"""What sessions leave goes in time: their graphs, and the rows of their prompts."""

import asyncio
from typing import Final

import sqlalchemy as sa

from server.clock import Clock
from server.comfy import session_store
from server.database.database import Database
from server.periodic import repeat
from server.tasks.retention import DAY_MICROS

PERIOD_SECONDS: Final = 3600.0
# Sessions looked for at once, and the pause behind each, so that nobody who writes waits long.
SESSIONS_AT_ONCE: Final = 100
PAUSE_SECONDS: Final = 0.02


class Housekeeping:
    """Clears away at start and then every hour, for as long as `run` runs. Tasks stay, as those of every kind do."""

    def __init__(self, database: Database, clock: Clock, *, retention_days: int) -> None:
        """Keep what a session left for `retention_days` behind its end."""
        self._database = database
        self._clock = clock
        self._retention_micros = retention_days * DAY_MICROS

    async def run(self) -> None:
        """Clear away until cancelled."""
        await repeat(self.clear, seconds=PERIOD_SECONDS, broken_off="clearing away what sessions left was broken off")

    async def clear(self) -> None:
        """Clear away once."""
        older_than = self._clock() - self._retention_micros
        while session_ids := await self._ended(older_than):
            for session_id in session_ids:
                await self._delete(session_id)
                await asyncio.sleep(PAUSE_SECONDS)

    async def _ended(self, older_than: int) -> list[str]:
        return await self._database.scan(
            lambda connection: session_store.ended_before(connection, older_than=older_than, limit=SESSIONS_AT_ONCE)
        )

    async def _delete(self, session_id: str) -> None:
        def work(connection: sa.Connection) -> None:
            session_store.delete(connection, session_id)

        await self._database.write(work)
