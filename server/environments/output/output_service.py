"""OutputService: what environments print, as the log of a Task that reads it at the provider."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from functools import partial
from typing import Any, Final

import grpc
import sqlalchemy as sa

from server.database.after_commit import after_commit
from server.database.database import Database
from server.environments import environment_store
from server.environments.environment_row import EnvironmentRow
from server.environments.environment_store import Whose
from server.environments.lifecycle import RUNNING
from server.environments.new_task import READ_KIND, read
from server.environments.output import output_view
from server.environments.whose import whose_of_caller
from server.errors import EnvironmentState, InvalidArgument, NotFound, TaskFinal
from server.tasks import store
from server.tasks.kernel import LOOK_SECONDS, Kernel
from server.tasks.log_hub import LogHub
from server.tasks.tables import LEASED, TASKS, WAITING
from server.tasks.task import TaskRow
from switchyard.environments.v1 import output_service_pb2 as pb
from switchyard.environments.v1 import output_service_pb2_grpc as pb_grpc
from switchyard.environments.v1.environment_pb2 import Environment
from switchyard.environments.v1.provisioning_service_pb2 import ReadEnvironment
from switchyard.tasks.v1.task_pb2 import Task

# Source: the comments of the contract.
DEFAULT_TAIL: Final = 100
DEFAULT_EXEC_SECONDS: Final = 60
LARGEST_COMMAND_BYTES: Final = 64 * 1024

LOGS_SECONDS: Final = 60
# Whoever follows longer asks again.
FOLLOW_SECONDS: Final = 86_400
# Nobody waits longer for a worker: it does not pay to wait for the answer any more.
WAIT_SECONDS: Final = 15.0
NO_WORKER: Final = "no worker took it within {:g} s"
# A command is not run a second time, nor what was printed sent again.
GIVEN_BACK: Final = "its worker has stopped"
CALLER_LEFT: Final = "whoever asked has left"
SERVER_LEFT: Final = "the server was started anew"

Context = grpc.aio.ServicerContext[Any, Any]


class OutputService(pb_grpc.OutputServiceServicer):
    """Has workers read, and hands on what they read."""

    def __init__(self, database: Database, kernel: Kernel, hub: LogHub, *, wait_seconds: float = WAIT_SECONDS) -> None:
        self._database = database
        self._kernel = kernel
        self._hub = hub
        self._wait_seconds = wait_seconds

    async def StreamLogs(
        self, request: pb.StreamLogsRequest, _context: Context
    ) -> AsyncGenerator[pb.StreamLogsResponse, None]:
        """Send what an environment prints."""
        logs = ReadEnvironment.Logs(tail=request.tail or DEFAULT_TAIL, follow=request.follow)
        seconds = FOLLOW_SECONDS if request.follow else LOGS_SECONDS
        task = await self._begin(request.environment_id, ReadEnvironment(logs=logs), seconds=seconds)
        async with self._reading(task), aclosing(self._hub.follow(task.id, 0)) as batches:
            async for batch in batches:
                yield pb.StreamLogsResponse(lines=output_view.lines(batch))
            yield pb.StreamLogsResponse(end=output_view.end(await self._kernel.get(task.id)))

    async def Exec(self, request: pb.ExecRequest, _context: Context) -> AsyncGenerator[pb.ExecResponse, None]:
        """Run a command and send what it prints."""
        _check_command(request.command)
        command = ReadEnvironment.Command(arguments=request.command)
        seconds = request.timeout_seconds or DEFAULT_EXEC_SECONDS
        task = await self._begin(request.environment_id, ReadEnvironment(command=command), seconds=seconds)
        async with self._reading(task), aclosing(self._hub.follow(task.id, 0)) as batches:
            async for batch in batches:
                yield pb.ExecResponse(lines=output_view.lines(batch))
            yield pb.ExecResponse(end=output_view.end(await self._kernel.get(task.id)))

    async def end_abandoned(self) -> None:
        """End what was begun before this server, with an embedded database: nobody else could wait for it."""
        if self._database.dialect == "sqlite":
            for task_id in await self._database.scan(_unfinished):
                await self._cancel(task_id, SERVER_LEFT)

    async def _begin(self, environment_id: str, payload: ReadEnvironment, *, seconds: int) -> TaskRow:
        whose = whose_of_caller()
        return await self._database.write(
            lambda connection: self._insert(connection, environment_id, whose, payload, seconds=seconds)
        )

    def _insert(
        self, connection: sa.Connection, environment_id: str, whose: Whose, payload: ReadEnvironment, *, seconds: int
    ) -> TaskRow:
        row = environment_store.require(connection, environment_id, whose)
        _check_state(row, payload)
        whole = ReadEnvironment(environment_id=row.id, provider=row.provider, region=row.cloud_region)
        whole.MergeFrom(payload)
        task = store.insert(connection, read(whole, row.tenant, seconds=seconds), now=self._kernel.clock())
        after_commit(connection, partial(self._kernel.announce, [task]))
        return task

    @asynccontextmanager
    async def _reading(self, task: TaskRow) -> AsyncGenerator[None, None]:
        """Have a Task ended with the block, or when nobody works on it."""
        guard = asyncio.create_task(self._guard(task.id))
        try:
            yield
        finally:
            guard.cancel()
            await self._cancel(task.id, CALLER_LEFT)
            await asyncio.wait([guard])

    async def _guard(self, task_id: str) -> None:
        """End a Task that no worker takes, or that was given back; return once it is final."""
        end = time.monotonic() + self._wait_seconds
        with self._kernel.changes.watch(task_id) as watch, suppress(NotFound):
            while not (row := await self._kernel.get(task_id)).final:
                left = end - time.monotonic()
                if row.state == Task.STATE_QUEUED and (row.fencing_token or left <= 0):
                    await self._cancel(
                        task_id, GIVEN_BACK if row.fencing_token else NO_WORKER.format(self._wait_seconds)
                    )
                await watch.wait(min(left, LOOK_SECONDS) if left > 0 else LOOK_SECONDS)

    async def _cancel(self, task_id: str, reason: str) -> None:
        with suppress(NotFound, TaskFinal):
            await self._kernel.cancel(task_id, reason)


def _check_state(row: EnvironmentRow, payload: ReadEnvironment) -> None:
    if payload.WhichOneof("what") == "command" and row.status != RUNNING:
        raise EnvironmentState(f"a command runs in an environment that is RUNNING, and this one is {_word(row)}")
    if row.result is None:
        raise EnvironmentState(f"nothing of the environment was made yet; it is {_word(row)}")


def _word(row: EnvironmentRow) -> str:
    return Environment.Status.Name(row.status).removeprefix("STATUS_")


def _check_command(command: Sequence[str]) -> None:
    """Raises InvalidArgument: it cannot be run."""
    if not command[0]:
        raise InvalidArgument.field("command", "must begin with the name of a program")
    if any("\x00" in one for one in command):
        raise InvalidArgument.field("command", "must not hold NUL")
    if sum(len(one.encode()) for one in command) > LARGEST_COMMAND_BYTES:
        raise InvalidArgument.field("command", f"must have at most {LARGEST_COMMAND_BYTES} bytes together")


def _unfinished(connection: sa.Connection) -> list[str]:
    return list(connection.execute(_UNFINISHED, {"kind": READ_KIND}).scalars())


_UNFINISHED: Final = sa.select(TASKS.c.id).where(TASKS.c.kind == sa.bindparam("kind"), sa.or_(WAITING, LEASED))
