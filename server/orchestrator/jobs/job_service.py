"""JobService: what can be done with a job, as the wire says it."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Final

import grpc
import sqlalchemy as sa
from google.api import httpbody_pb2

from server.clock import Clock
from server.database.database import Database
from server.database.text import storable
from server.errors import JobActive, NotFound
from server.orchestrator.jobs import explanation, job_store, job_view, log_view
from server.orchestrator.jobs.new_job import mode_of_kind, new_job
from server.orchestrator.robots import robot_store
from server.orchestrator.workflows import workflow_store
from server.rpc import idempotency
from server.rpc.caller import CALLER
from server.rpc.idempotency import IdempotencyKey
from server.tasks import artifact_download, artifacts, log_cursor, log_store, store
from server.tasks.artifacts import ArtifactFiles
from server.tasks.kernel import Kernel
from server.tasks.log_hub import LogHub
from server.tasks.task import TaskRow
from switchyard.orchestrator.v1 import job_pb2
from switchyard.orchestrator.v1 import job_service_pb2 as pb
from switchyard.orchestrator.v1 import job_service_pb2_grpc as pb_grpc

# What the contract promises for an absent field.
DEFAULT_LINE_LIMIT: Final = 1000

Context = grpc.aio.ServicerContext[Any, Any]


class JobService(pb_grpc.JobServiceServicer):
    """Serves jobs to those who run them; a caller that is bound to a tenant meets only those of its own."""

    def __init__(
        self, database: Database, kernel: Kernel, hub: LogHub, artifact_files: ArtifactFiles, clock: Clock
    ) -> None:
        self._database = database
        self._kernel = kernel
        self._hub = hub
        self._artifact_files = artifact_files
        self._clock = clock

    async def CancelJob(self, request: pb.CancelJobRequest, _context: Context) -> pb.CancelJobResponse:
        """Ask a job to end."""
        job = await self._require(request.job_id)
        cancelled = await self._kernel.cancel(job.id, storable(request.reason))
        return pb.CancelJobResponse(job_id=job.id, status=job_view.STATUS[cancelled.state])

    async def RetryJob(self, request: pb.RetryJobRequest, _context: Context) -> pb.RetryJobResponse:
        """Queue a job once more."""
        tenant_id = CALLER.get().tenant_id
        key = IdempotencyKey.of_call(request.request_id, "RetryJob")
        created: list[TaskRow] = []

        def work(connection: sa.Connection) -> pb.RetryJobResponse:
            created.clear()  # The unit of work may run more than once.
            now = self._clock()
            job = job_store.require(connection, request.job_id, tenant_id=tenant_id)
            earlier = idempotency.remember(connection, key, request, now=now)
            if earlier is not None:
                return pb.RetryJobResponse.FromString(earlier)
            created.append(_insert_again(connection, job, now=now))
            response = pb.RetryJobResponse(job_id=created[0].id, status=job_pb2.Job.STATUS_PENDING)
            idempotency.store_answer(connection, key, response)
            return response

        response = await self._database.write(work)
        self._kernel.announce(created)
        return response

    async def ExplainJob(self, request: pb.ExplainJobRequest, _context: Context) -> pb.ExplainJobResponse:
        """Say why a job waits."""
        tenant_id, now = CALLER.get().tenant_id, self._clock()

        def query(connection: sa.Connection) -> pb.ExplainJobResponse:
            job = job_store.require(connection, request.job_id, tenant_id=tenant_id)
            ahead = job_store.queued_before(connection, job, now=now)
            robots = robot_store.statuses(connection, now)
            return explanation.explain(job, robots, ahead=ahead, now=now, tenant_id=tenant_id)

        return await self._database.scan(query)

    async def ListJobLogs(self, request: pb.ListJobLogsRequest, _context: Context) -> pb.ListJobLogsResponse:
        """Read a page of a log."""
        job = await self._require(request.job_id)
        limit = request.limit if request.HasField("limit") else DEFAULT_LINE_LIMIT
        after = log_cursor.seq_of(request.after, job)
        page, more = await self._database.scan(
            lambda connection: log_store.read_page(connection, job.id, after_seq=after, limit=limit)
        )
        return pb.ListJobLogsResponse(
            lines=[log_store.to_message(line) for line in page],
            next_cursor=log_cursor.behind(job.id, page[-1].seq) if more else None,
        )

    async def WatchJobLogs(
        self, request: pb.WatchJobLogsRequest, _context: Context
    ) -> AsyncGenerator[pb.WatchJobLogsResponse, None]:
        """Follow a log."""
        job = await self._require(request.job_id)
        after = log_cursor.seq_of(request.after, job)
        async with aclosing(self._hub.follow(job.id, after)) as batches:
            async for batch in batches:
                yield log_view.batch(batch)
        try:
            yield log_view.end(await self._kernel.get(job.id))
        except NotFound:
            return  # Deleted meanwhile.

    async def ListJobArtifacts(
        self, request: pb.ListJobArtifactsRequest, _context: Context
    ) -> pb.ListJobArtifactsResponse:
        """List the files a job left."""
        job = await self._require(request.job_id)
        rows = await self._database.read(lambda connection: artifacts.list_artifacts(connection, job.id))
        return pb.ListJobArtifactsResponse(artifacts=[artifacts.to_message(row) for row in rows])

    async def DownloadJobArtifact(
        self, request: pb.DownloadJobArtifactRequest, context: Context
    ) -> AsyncIterator[httpbody_pb2.HttpBody]:
        """Send one of them."""
        job = await self._require(request.job_id)
        row = await self._database.read(lambda connection: artifact_download.require(connection, job.id, request.name))
        async with aclosing(artifact_download.send(self._artifact_files, row, context)) as pieces:
            async for piece in pieces:
                yield piece

    async def _require(self, job_id: str) -> TaskRow:
        tenant_id = CALLER.get().tenant_id
        return await self._database.read(lambda connection: job_store.require(connection, job_id, tenant_id=tenant_id))


def _insert_again(connection: sa.Connection, job: TaskRow, *, now: int) -> TaskRow:
    """Queue what `job` was to do once more.

    Raises:
        JobActive: it has not ended yet.
        NotFound: its workflow was deleted.
    """
    if not job.final:
        raise JobActive(job.id)
    payload = job_view.payload(job)
    workflow_store.require(connection, payload.workflow_id, tenant_id=None)
    payload.retry_of = job.id
    again = new_job(
        payload,
        mode=mode_of_kind(job.kind),
        tenant=job.tenant,
        priority=job.priority,
        timeout_seconds=job.attempt_timeout_seconds,
    )
    return store.insert(connection, again, now=now)
