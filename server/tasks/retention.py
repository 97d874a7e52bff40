"""Logs and files of Tasks that ended long ago go; the Tasks stay."""

import asyncio
from collections.abc import Sequence
from typing import Final

from server.clock import SECOND, Clock
from server.database.database import Database
from server.periodic import repeat
from server.tasks import pruning
from server.tasks.artifacts import ArtifactFiles

PERIOD_SECONDS: Final = 3600.0
DAY_MICROS: Final = 24 * 3600 * SECOND

# Lines removed in one unit of work, and the pause behind it, so that nobody who writes waits long.
PRUNE_LINES: Final = 2000
PRUNE_PAUSE_SECONDS: Final = 0.05


class Retention:
    """Clears away at start and then every hour, for as long as `run` runs."""

    def __init__(
        self, database: Database, artifact_files: ArtifactFiles, clock: Clock, *, kinds: Sequence[str], days: int
    ) -> None:
        """Keep what Tasks of `kinds` left for `days` behind their end."""
        self._database = database
        self._artifact_files = artifact_files
        self._clock = clock
        self._kinds = kinds
        self._micros = days * DAY_MICROS

    async def run(self) -> None:
        """Clear away until cancelled."""
        await repeat(self.clear, seconds=PERIOD_SECONDS, broken_off="removing old logs and files was broken off")

    async def clear(self) -> None:
        """Clear away once."""
        older_than = self._clock() - self._micros
        for kind in self._kinds:
            while await self._prune(kind, older_than):  # noqa: ASYNC110, it does not wait for somebody else
                await asyncio.sleep(PRUNE_PAUSE_SECONDS)
        await self._artifact_files.remove_leftovers()

    async def _prune(self, kind: str, older_than: int) -> bool:
        """Remove some lines, or the files, of one Task; tell whether there may be more to remove."""
        pruned = await self._database.write(
            lambda connection: pruning.prune(
                connection, kind=kind, older_than=older_than, limit=PRUNE_LINES, now=self._clock()
            )
        )
        await self._artifact_files.remove(pruned.files)
        return pruned.more
