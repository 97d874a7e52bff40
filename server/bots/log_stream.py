"""Follows the log of an instance: which Run, from where, and what comes when there is none yet.

Reads only. Any number of readers share the messages of a batch, which are built once.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from server.bots import instance_store, log_view, run_store
from server.bots.instance_store import InstanceRow
from server.database.database import Database
from server.errors import InvalidArgument, NotFound
from server.tasks import log_cursor
from server.tasks.kernel import Kernel
from server.tasks.log_cursor import Cursor
from server.tasks.log_hub import LogHub
from switchyard.bots.v1 import bot_instance_pb2
from switchyard.bots.v1 import run_service_pb2 as pb

# How often a reader that waits for a Run looks for one that another server has started.
LOOK_SECONDS: Final = 1.0

STATUS_WORDS: Final = {
    bot_instance_pb2.BotInstance.STATUS_INACTIVE: "inactive",
    bot_instance_pb2.BotInstance.STATUS_ACTIVE: "active",
    bot_instance_pb2.BotInstance.STATUS_ERROR: "error",
}


@dataclass(frozen=True, slots=True)
class InRun:
    """Go on in a Run behind line `seq`."""

    run_id: str
    seq: int


@dataclass(frozen=True, slots=True)
class AfterRun:
    """Wait for the first Run that is newer than Task number `number`, -1 for any."""

    number: int


Place = InRun | AfterRun


class LogStream:
    """Gives the log of an instance to one reader after the other."""

    def __init__(self, database: Database, kernel: Kernel, hub: LogHub) -> None:
        self._database = database
        self._kernel = kernel
        self._hub = hub

    async def follow(
        self, instance: InstanceRow, *, run_id: str, after: str
    ) -> AsyncGenerator[pb.WatchLogsResponse, None]:
        """Yield the log as WatchLogs says; end with the Run, or silently when the instance is deleted meanwhile.

        Raises:
            NotFound: `run_id` is no Run of the instance.
            InvalidArgument: `after` is no cursor of this log.
        """
        cursor = log_cursor.parse(after) if after else None
        place = await self._database.read(lambda connection: _place(connection, instance, run_id, cursor))
        if cursor is None:
            yield log_view.introduction(instance.id, instance.bot_code, STATUS_WORDS[instance.status])
        if isinstance(place, AfterRun):
            next_id = await self._next_run(instance, place.number)
            if next_id is None:
                return
            place = InRun(next_id, 0)
        async with aclosing(self._rest_of_run(place)) as responses:
            async for response in responses:
                yield response

    async def _rest_of_run(self, place: InRun) -> AsyncGenerator[pb.WatchLogsResponse, None]:
        try:
            async with aclosing(self._hub.follow(place.run_id, place.seq)) as batches:
                async for batch in batches:
                    yield log_view.batch(batch)
            task = await self._kernel.get(place.run_id)
        except NotFound:
            return  # Deleted with its instance.
        yield log_view.end(task)

    async def _next_run(self, instance: InstanceRow, number: int) -> str | None:
        """Wait for the next Run and return its id, None when the instance is gone."""

        def query(connection: sa.Connection) -> tuple[str | None, bool]:
            found = run_store.first_after(connection, instance.subject, number)
            return found, instance_store.get(connection, instance.id) is not None

        with self._kernel.changes.watch(instance.subject) as watch:
            while True:
                found, there = await self._database.read(query)
                if found is not None or not there:
                    return found
                await watch.wait(LOOK_SECONDS)


def _place(connection: sa.Connection, instance: InstanceRow, run_id: str, cursor: Cursor | None) -> Place:
    """Decide where a reader goes on."""
    if run_id:
        run_store.require(connection, instance, run_id)
    if cursor is None:
        return _beginning(connection, instance, run_id)
    task = run_store.get(connection, instance, cursor.task_id)
    if task is None or (run_id and task.id != run_id):
        raise InvalidArgument.field("after", "must be a cursor of this log")
    if cursor.seq is not None:
        return InRun(task.id, cursor.seq)
    # Who follows one Run only and has its end gets nothing but the end again.
    return InRun(task.id, task.log_line_count) if run_id else AfterRun(task.number)


def _beginning(connection: sa.Connection, instance: InstanceRow, run_id: str) -> Place:
    if run_id:
        return InRun(run_id, 0)
    newest = run_store.newest(connection, instance)
    return AfterRun(-1) if newest is None else InRun(newest.id, 0)
