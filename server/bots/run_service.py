"""RunService: Runs of instances, their logs and the files they left, as the wire says them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, Final

import grpc
import sqlalchemy as sa
from google.api import httpbody_pb2

from server.bots import config_file, instance_store, log_view, run_store, run_view
from server.bots.instance_store import RUN_KIND, InstanceRow
from server.bots.instance_view import InstanceView
from server.bots.log_stream import LogStream
from server.bots.tenant_folder import CONFIG_FILE, PathRefused, TenantFolder
from server.clock import Clock
from server.content_disposition import attachment
from server.database.database import Database
from server.database.text import storable
from server.errors import NotFound, RunActive, TaskFinal, TooLarge
from server.rpc import idempotency
from server.rpc.caller import CALLER
from server.rpc.idempotency import IdempotencyKey
from server.tasks import artifact_download, artifacts, log_cursor, log_store, store, task_list
from server.tasks.artifacts import ArtifactFiles
from server.tasks.kernel import Kernel
from server.tasks.log_store import LogLineRow
from server.tasks.task import NewTask, TaskRow
from switchyard.bots.v1 import bot_worker_service_pb2 as worker_pb
from switchyard.bots.v1 import run_pb2
from switchyard.bots.v1 import run_service_pb2 as pb
from switchyard.bots.v1 import run_service_pb2_grpc as pb_grpc

Context = grpc.aio.ServicerContext[Any, Any]

# What the contract promises for absent fields.
DEFAULT_TIMEOUT_SECONDS: Final = 3600
DEFAULT_PRIORITY: Final = 10
DEFAULT_MAX_ATTEMPTS: Final = 1
DEFAULT_RUN_LIMIT: Final = 1000
DEFAULT_LINE_LIMIT: Final = 1000

# Lines read at once for a download.
DOWNLOAD_LINES: Final = 2000


class RunService(pb_grpc.RunServiceServicer):
    """Serves the Runs of instances to their owners."""

    def __init__(
        self,
        database: Database,
        kernel: Kernel,
        view: InstanceView,
        stream: LogStream,
        artifact_files: ArtifactFiles,
        clock: Clock,
    ) -> None:
        self._database = database
        self._kernel = kernel
        self._view = view
        self._stream = stream
        self._artifact_files = artifact_files
        self._clock = clock

    async def StartRun(self, request: pb.StartRunRequest, _context: Context) -> pb.StartRunResponse:
        """Start a Run. A broken config.yaml does not hinder it: the Run ends with an error that tells."""
        instance = await self._require(request.id)
        config_id = await asyncio.to_thread(_config_id, self._view.folder(instance))
        new = _new_run(request, instance, config_id)
        tenant_id = CALLER.get().tenant_id
        key = IdempotencyKey.of_call(request.request_id, "StartRun")
        created: list[TaskRow] = []

        def work(connection: sa.Connection) -> pb.StartRunResponse:
            created.clear()  # The unit of work may run more than once.
            store.lock_subject(connection, instance.subject)
            instance_store.require(connection, request.id, tenant_id=tenant_id)
            now = self._clock()
            earlier = idempotency.remember(connection, key, request, now=now)
            if earlier is not None:
                return pb.StartRunResponse.FromString(earlier)
            if store.active_of_subject(connection, instance.subject, RUN_KIND) is not None:
                raise RunActive("the instance has a run that is queued or running", instance_id=instance.id)
            task = store.insert(connection, new, now=now)
            run_store.expect_log_file(connection, task, instance)
            created.append(task)
            response = pb.StartRunResponse(run_id=task.id, status=run_pb2.RUN_STATUS_QUEUED)
            idempotency.store_answer(connection, key, response)
            return response

        response = await self._database.write(work)
        self._kernel.announce(created)
        return response

    async def StopRun(self, request: pb.StopRunRequest, _context: Context) -> pb.StopRunResponse:
        """Stop the active Run, if there is one."""
        tenant_id = CALLER.get().tenant_id

        def work(connection: sa.Connection) -> tuple[TaskRow, ...]:
            instance = instance_store.require(connection, request.id, tenant_id=tenant_id)
            active = store.active_of_subject(connection, instance.subject, RUN_KIND)
            if active is None:
                return ()
            try:
                change = store.cancel(
                    connection, active.id, reason="stopped", now=self._clock(), hooks=self._kernel.final_hooks
                )
            except TaskFinal:
                return ()  # It has ended since it was looked at.
            return change.rows

        self._kernel.announce(await self._database.write(work))
        return pb.StopRunResponse(ok=True)

    async def ListRuns(self, request: pb.ListRunsRequest, _context: Context) -> pb.ListRunsResponse:
        """List Runs, newest first."""
        instance = await self._require(request.id)
        limit = request.limit if request.HasField("limit") else DEFAULT_RUN_LIMIT

        def query(connection: sa.Connection) -> list[run_pb2.Run]:
            tasks = task_list.list_of_subject(
                connection, instance.subject, RUN_KIND, limit=limit, before_id=storable(request.before) or None
            )
            with_files = run_store.with_artifacts(connection, [task.id for task in tasks])
            return [run_view.run(task, instance, has_artifacts=task.id in with_files) for task in tasks]

        return pb.ListRunsResponse(runs=await self._database.scan(query))

    async def GetRun(self, request: pb.GetRunRequest, _context: Context) -> pb.GetRunResponse:
        """Read one Run."""
        tenant_id = CALLER.get().tenant_id

        def query(connection: sa.Connection) -> run_pb2.RunDetail:
            instance = instance_store.require(connection, request.id, tenant_id=tenant_id)
            task = run_store.require(connection, instance, request.run_id)
            has_artifacts = bool(run_store.with_artifacts(connection, [task.id]))
            return run_view.run_detail(task, instance, has_artifacts=has_artifacts)

        return pb.GetRunResponse(run=await self._database.read(query))

    async def ListRunLogs(self, request: pb.ListRunLogsRequest, _context: Context) -> pb.ListRunLogsResponse:
        """Read a page of a log."""
        task = await self._require_run(request.id, request.run_id)
        after = log_cursor.seq_of(request.after, task)
        limit = request.limit if request.HasField("limit") else DEFAULT_LINE_LIMIT
        page, more = await self._database.scan(
            lambda connection: log_store.read_page(connection, task.id, after_seq=after, limit=limit)
        )
        return pb.ListRunLogsResponse(
            lines=[log_store.to_message(line) for line in page],
            next_cursor=log_cursor.behind(task.id, page[-1].seq) if more else None,
        )

    async def DownloadRunLog(
        self, request: pb.DownloadRunLogRequest, context: Context
    ) -> AsyncIterator[httpbody_pb2.HttpBody]:
        """Send the whole log as text."""
        task = await self._require_run(request.id, request.run_id)
        await context.send_initial_metadata((("content-disposition", attachment(f"run-{task.id}.log")),))
        yield httpbody_pb2.HttpBody(content_type="text/plain; charset=utf-8")
        lines = await self._lines(task, after=0)
        while lines:
            yield httpbody_pb2.HttpBody(data=log_view.file_text(lines).encode())
            lines = await self._lines(task, after=lines[-1].seq)

    async def WatchLogs(self, request: pb.WatchLogsRequest, _context: Context) -> AsyncIterator[pb.WatchLogsResponse]:
        """Follow the log."""
        instance = await self._require(request.id)
        async with aclosing(self._stream.follow(instance, run_id=request.run_id, after=request.after)) as responses:
            async for response in responses:
                yield response

    async def ListArtifacts(self, request: pb.ListArtifactsRequest, _context: Context) -> pb.ListArtifactsResponse:
        """List the files a Run left."""
        task = await self._require_run(request.id, request.run_id)
        rows = await self._database.read(lambda connection: artifacts.list_artifacts(connection, task.id))
        return pb.ListArtifactsResponse(artifacts=[artifacts.to_message(row) for row in rows])

    async def DownloadArtifact(
        self, request: pb.DownloadArtifactRequest, context: Context
    ) -> AsyncIterator[httpbody_pb2.HttpBody]:
        """Send one of them."""
        task = await self._require_run(request.id, request.run_id)
        row = await self._database.read(lambda connection: artifact_download.require(connection, task.id, request.name))
        async with aclosing(artifact_download.send(self._artifact_files, row, context)) as pieces:
            async for piece in pieces:
                yield piece

    async def _lines(self, task: TaskRow, *, after: int) -> tuple[LogLineRow, ...]:
        return await self._database.scan(
            lambda connection: log_store.read(connection, task.id, after_seq=after, limit=DOWNLOAD_LINES)
        )

    async def _require(self, instance_id: str) -> InstanceRow:
        tenant_id = CALLER.get().tenant_id
        return await self._database.read(
            lambda connection: instance_store.require(connection, instance_id, tenant_id=tenant_id)
        )

    async def _require_run(self, instance_id: str, run_id: str) -> TaskRow:
        tenant_id = CALLER.get().tenant_id

        def query(connection: sa.Connection) -> TaskRow:
            instance = instance_store.require(connection, instance_id, tenant_id=tenant_id)
            return run_store.require(connection, instance, run_id)

        return await self._database.read(query)


def _new_run(request: pb.StartRunRequest, instance: InstanceRow, config_id: str) -> NewTask:
    payload = worker_pb.RunBot(
        instance_id=instance.id, bot_code=instance.bot_code, params=request.params, config_id=config_id
    )
    return NewTask(
        kind=RUN_KIND,
        subject=instance.subject,
        tenant=instance.owner_id,
        payload=payload,
        priority=request.priority if request.HasField("priority") else DEFAULT_PRIORITY,
        max_attempts=request.max_attempts if request.HasField("max_attempts") else DEFAULT_MAX_ATTEMPTS,
        attempt_timeout_seconds=(
            request.timeout_seconds if request.HasField("timeout_seconds") else DEFAULT_TIMEOUT_SECONDS
        ),
    )


def _config_id(folder: TenantFolder) -> str:
    """Name the present configuration. One that cannot be read counts as empty; the worker will say so."""
    try:
        data = folder.read(CONFIG_FILE, limit_bytes=config_file.MAX_BYTES)
    except (NotFound, PathRefused, TooLarge):
        data = b""
    return config_file.config_id(data)
