"""Writes the log of every Run to its file while the Run goes on, and completes files after a restart.

Which files are not complete stands in the database: a row comes with the Run, in the same transaction, and goes once
its last line is on disk. Several servers may share the rows; a lock on the file decides who writes it.
"""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
import structlog

from server.bots import instance_store
from server.bots.instance_view import InstanceView
from server.bots.run_log_file import LogFileTaken, RunLogFile, file_name
from server.bots.tables import BOT_INSTANCES, UNFINISHED_LOG_FILES
from server.bots.tenant_folder import TenantFolder
from server.clock import SECOND, Clock
from server.database.away import BREAKS
from server.database.database import Database
from server.errors import NotFound, SwitchyardError
from server.tasks.log_hub import LogHub
from server.tasks.tables import TASKS
from switchyard.tasks.v1.task_pb2 import Task

# How often the rows are looked at: a file appears at most this long after its Run has begun.
LOOK_SECONDS: Final = 1.0
# Files written at the same time; further ones wait, which loses nothing.
MAX_WRITERS: Final = 200
# A file that cannot be written is tried again after this time.
RETRY_MICROS: Final = 60 * SECOND

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A log file that is not complete. `queued_at` is in micros."""

    run_id: str
    instance_id: str
    queued_at: int
    line_count: int
    final: bool


_UNFINISHED: Final = (
    sa.select(
        TASKS.c.id,
        UNFINISHED_LOG_FILES.c.instance_id,
        TASKS.c.create_time,
        TASKS.c.log_line_count,
        TASKS.c.end_time.is_not(None),
    )
    .join(TASKS, TASKS.c.id == UNFINISHED_LOG_FILES.c.task_id)
    .join(BOT_INSTANCES, BOT_INSTANCES.c.id == UNFINISHED_LOG_FILES.c.instance_id)
    .where(sa.or_(TASKS.c.state != int(Task.STATE_QUEUED), TASKS.c.log_line_count > 0))
    .order_by(TASKS.c.number)
    .limit(MAX_WRITERS)
)
_OF_INSTANCE: Final = (
    sa.select(TASKS.c.create_time)
    .join(UNFINISHED_LOG_FILES, UNFINISHED_LOG_FILES.c.task_id == TASKS.c.id)
    .where(UNFINISHED_LOG_FILES.c.instance_id == sa.bindparam("instance_id"))
)
_DONE: Final = sa.delete(UNFINISHED_LOG_FILES).where(UNFINISHED_LOG_FILES.c.task_id == sa.bindparam("run_id"))


class LogFiles:
    """Writes log files for as long as `run` runs."""

    def __init__(self, database: Database, hub: LogHub, view: InstanceView, clock: Clock, *, file_bytes: int) -> None:
        self._database = database
        self._hub = hub
        self._view = view
        self._clock = clock
        self._file_bytes = file_bytes
        self._writing: set[str] = set()
        self._not_before: dict[str, int] = {}

    async def run(self) -> None:
        """Write files until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    await self._begin_writers(group)
                except BREAKS:
                    _log.warning("log files wait for the database", exc_info=True)
                await asyncio.sleep(LOOK_SECONDS)

    async def _begin_writers(self, group: asyncio.TaskGroup) -> None:
        now = self._clock()
        self._not_before = {run_id: time for run_id, time in self._not_before.items() if time > now}
        for unfinished in await self._database.read(_unfinished):
            run_id = unfinished.run_id
            if run_id not in self._writing and run_id not in self._not_before and len(self._writing) < MAX_WRITERS:
                self._writing.add(run_id)
                group.create_task(self._write(unfinished))

    async def _write(self, unfinished: Unfinished) -> None:
        """Write one file to its end. What goes wrong with one file must not stop the others."""
        run_id = unfinished.run_id
        try:
            await self._complete(unfinished)
        except LogFileTaken:
            self._not_before[run_id] = self._clock() + RETRY_MICROS
        except (*BREAKS, SwitchyardError):
            self._not_before[run_id] = self._clock() + RETRY_MICROS
            _log.warning("a log file could not be written", run_id=run_id, exc_info=True)
        finally:
            self._writing.discard(run_id)

    async def _complete(self, unfinished: Unfinished) -> None:
        if unfinished.line_count or not unfinished.final:
            folder = await self._folder(unfinished)
            if folder is None:
                return  # Deleted; its row is gone too.
            await self._follow(unfinished, folder)
        await self._database.write(lambda connection: connection.execute(_DONE, {"run_id": unfinished.run_id}))

    async def _follow(self, unfinished: Unfinished, folder: TenantFolder) -> None:
        name = file_name(unfinished.queued_at)
        file = await asyncio.to_thread(RunLogFile, folder, name, limit_bytes=self._file_bytes)
        try:
            async with aclosing(self._hub.follow(unfinished.run_id, file.line_count)) as batches:
                async for batch in batches:
                    await asyncio.to_thread(file.append, batch.lines)
        finally:
            # Not awaited: a writer that is cancelled closes its file all the same.
            file.close()

    async def _folder(self, unfinished: Unfinished) -> TenantFolder | None:
        try:
            row = await self._database.read(
                lambda connection: instance_store.require(connection, unfinished.instance_id, tenant_id=None)
            )
        except NotFound:
            return None
        return self._view.folder(row)


def unfinished_names(connection: sa.Connection, instance_id: str) -> frozenset[str]:
    """Return the names of the instance's log files that are not complete."""
    times = connection.execute(_OF_INSTANCE, {"instance_id": instance_id}).scalars()
    return frozenset(file_name(time) for time in times)


def _unfinished(connection: sa.Connection) -> list[Unfinished]:
    return [Unfinished(*row) for row in connection.execute(_UNFINISHED)]
