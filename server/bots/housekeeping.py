"""What has to be cleared away in time: old logs, files of artifacts and folders of instances that are gone."""

import asyncio
from typing import Final

import sqlalchemy as sa
import structlog

from server.bots import instance_store, log_files, run_log_file
from server.bots.instance_store import KINDS, Filters, InstanceRow
from server.bots.instance_view import InstanceView
from server.bots.provisioning import Provisioning
from server.bots.tenant_folder import PathRefused
from server.clock import SECOND, Clock
from server.database.database import Database
from server.tasks import store
from server.tasks.artifacts import ArtifactFiles

PERIOD_SECONDS: Final = 3600.0
DAY_MICROS: Final = 24 * 3600 * SECOND

# Lines removed in one unit of work, and the pause behind it, so that nobody who writes waits long.
PRUNE_LINES: Final = 2000
PRUNE_PAUSE_SECONDS: Final = 0.05
# Instances looked at in one query.
INSTANCES_AT_ONCE: Final = 100

_log = structlog.get_logger(__name__)


class Housekeeping:
    """Clears away at start and then every hour, for as long as `run` runs."""

    def __init__(
        self,
        database: Database,
        view: InstanceView,
        provisioning: Provisioning,
        artifact_files: ArtifactFiles,
        clock: Clock,
        *,
        retention_days: int,
        retention_bytes: int,
    ) -> None:
        """Keep logs for `retention_days`, and at most `retention_bytes` of log files for each instance."""
        self._database = database
        self._view = view
        self._provisioning = provisioning
        self._artifact_files = artifact_files
        self._clock = clock
        self._retention_micros = retention_days * DAY_MICROS
        self._retention_bytes = retention_bytes

    async def run(self) -> None:
        """Clear away until cancelled."""
        while True:
            try:
                await self.clear()
            except (OSError, sa.exc.DBAPIError):
                _log.warning("clearing away was broken off; the next turn goes on", exc_info=True)
            await asyncio.sleep(PERIOD_SECONDS)

    async def clear(self) -> None:
        """Clear away once."""
        older_than = self._clock() - self._retention_micros
        await self._provisioning.remove_due()
        await self._prune_stored_logs(older_than)
        await self._prune_log_files(older_than)
        await self._artifact_files.remove_leftovers()

    async def _prune_stored_logs(self, older_than: int) -> None:
        """Remove stored lines and artifacts of Tasks that ended before `older_than`; the Tasks stay."""
        for kind in KINDS:
            more = True
            while more:
                pruned = await self._database.write(
                    lambda connection, kind=kind: store.prune(  # type: ignore[misc]
                        connection, kind=kind, older_than=older_than, limit=PRUNE_LINES, now=self._clock()
                    )
                )
                more = pruned.more
                await self._artifact_files.remove(pruned.files)
                await asyncio.sleep(PRUNE_PAUSE_SECONDS if more else 0)

    async def _prune_log_files(self, older_than: int) -> None:
        offset = 0
        while instances := await self._instances(offset):
            for instance, unfinished in instances:
                await self._prune_instance(instance, unfinished, older_than)
            offset += INSTANCES_AT_ONCE

    async def _prune_instance(self, instance: InstanceRow, unfinished: frozenset[str], older_than: int) -> None:
        try:
            await asyncio.to_thread(
                run_log_file.prune,
                self._view.folder(instance),
                older_than=older_than,
                limit_bytes=self._retention_bytes,
                keep=unfinished,
            )
        except (OSError, PathRefused):
            _log.warning("log files could not be pruned", instance_id=instance.id, exc_info=True)

    async def _instances(self, offset: int) -> list[tuple[InstanceRow, frozenset[str]]]:
        """Return some instances, each with the names of its log files that are not complete."""

        def query(connection: sa.Connection) -> list[tuple[InstanceRow, frozenset[str]]]:
            page = instance_store.page(connection, Filters(), offset=offset, limit=INSTANCES_AT_ONCE)
            return [(row, log_files.unfinished_names(connection, row.id)) for row in page]

        return await self._database.scan(query)
