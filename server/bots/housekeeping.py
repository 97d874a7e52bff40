"""What has to be cleared away in time: old log files, and folders of instances that are gone."""

import asyncio
from typing import Final

import sqlalchemy as sa
import structlog

from server.bots import instance_store, log_files, run_log_file
from server.bots.instance_store import Filters, InstanceRow
from server.bots.instance_view import InstanceView
from server.bots.provisioning import Provisioning
from server.bots.tenant_folder import PathRefused
from server.clock import Clock
from server.database.database import Database
from server.periodic import repeat
from server.tasks.retention import DAY_MICROS

PERIOD_SECONDS: Final = 3600.0

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
        clock: Clock,
        *,
        retention_days: int,
        retention_bytes: int,
    ) -> None:
        """Keep log files for `retention_days`, and at most `retention_bytes` of them for each instance."""
        self._database = database
        self._view = view
        self._provisioning = provisioning
        self._clock = clock
        self._retention_micros = retention_days * DAY_MICROS
        self._retention_bytes = retention_bytes

    async def run(self) -> None:
        """Clear away until cancelled."""
        await repeat(self.clear, seconds=PERIOD_SECONDS, broken_off="clearing away what instances left was broken off")

    async def clear(self) -> None:
        """Clear away once."""
        older_than = self._clock() - self._retention_micros
        await self._provisioning.remove_due()
        await self._prune_log_files(older_than)

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
