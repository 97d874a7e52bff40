"""JobRunService: what a running job asks of the server, through the robot or worker that holds it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import grpc
import sqlalchemy as sa

from server.clock import Clock
from server.database.database import Database
from server.errors import InvalidArgument, ResumeOff
from server.orchestrator.job_runs import checkpoint_store, holding
from server.orchestrator.job_runs.holding import Claimed
from server.orchestrator.job_runs.versions import Versions
from server.orchestrator.jobs import job_view
from server.orchestrator.secrets.secret_values import SecretValues
from server.orchestrator.workflows import workflow_store
from server.rpc.caller import CALLER
from server.secret_box import SecretBox
from server.tasks import artifacts
from server.tasks.artifacts import ArtifactFiles
from server.tasks.task import TaskRow
from server.tasks.worker_service import AddressRule
from switchyard.orchestrator.v1 import job_run_service_pb2 as pb
from switchyard.orchestrator.v1 import job_run_service_pb2_grpc as pb_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class JobRunService(pb_grpc.JobRunServiceServicer):
    """Serves runs. That a robot speaks for itself only has been checked before."""

    def __init__(
        self,
        database: Database,
        versions: Versions,
        secrets: SecretValues,
        secret_box: SecretBox,
        artifact_files: ArtifactFiles,
        outbound: AddressRule,
        clock: Clock,
    ) -> None:
        self._database = database
        self._versions = versions
        self._secrets = secrets
        self._secret_box = secret_box
        self._artifact_files = artifact_files
        self._outbound = outbound
        self._clock = clock

    async def ResolveJobAddress(
        self, request: pb.ResolveJobAddressRequest, _context: Context
    ) -> pb.ResolveJobAddressResponse:
        """Check an address a run wants to connect to."""
        await self._held(request)
        return pb.ResolveJobAddressResponse(addresses=await self._outbound.resolve(request.url))

    async def GetSubworkflow(self, request: pb.GetSubworkflowRequest, _context: Context) -> pb.GetSubworkflowResponse:
        """Read another workflow."""
        job = await self._held(request)
        row = await self._database.read(
            lambda connection: workflow_store.require_named(connection, request.workflow, tenant=job.tenant)
        )
        version = await self._versions.get(row.workflow_id, row.version)
        return pb.GetSubworkflowResponse(
            workflow_id=row.workflow_id,
            version=row.version,
            graph=version.graph,
            secrets=await self._secrets.of(job.tenant, version.secret_names),
        )

    async def SaveCheckpoint(self, request: pb.SaveCheckpointRequest, _context: Context) -> pb.SaveCheckpointResponse:
        """Store where a run is, and what it has executed."""
        job = job_view.payload(await self._held(request))
        version = await self._versions.get(job.workflow_id, job.version)
        if not version.graph.settings.resume:
            raise ResumeOff(job.workflow_id)
        sealed = await asyncio.to_thread(self._secret_box.seal, request.checkpoint)
        tenant_id, now = CALLER.get().tenant_id, self._clock()

        def work(connection: sa.Connection) -> None:
            holding.require(connection, request, tenant_id=tenant_id)
            checkpoint_store.put(connection, request.job_id, sealed, now=now)
            checkpoint_store.add_executions(
                connection, request.job_id, request.node_executions, before=request.executions_before
            )

        await self._database.write(work)
        return pb.SaveCheckpointResponse()

    async def UploadJobArtifact(
        self, request_iterator: AsyncIterator[pb.UploadJobArtifactRequest], _context: Context
    ) -> pb.UploadJobArtifactResponse:
        """Store a file."""
        first = await anext(aiter(request_iterator), None)
        if first is None or not first.HasField("artifact"):
            raise InvalidArgument.field("artifact", "must come first")
        job = await self._held(first)
        row = await self._artifact_files.receive(job.id, first.fencing_token, first.artifact, _pieces(request_iterator))
        return pb.UploadJobArtifactResponse(artifact=artifacts.to_message(row))

    async def _held(self, request: Claimed) -> TaskRow:
        tenant_id = CALLER.get().tenant_id
        return await self._database.read(lambda connection: holding.require(connection, request, tenant_id=tenant_id))


async def _pieces(requests: AsyncIterator[pb.UploadJobArtifactRequest]) -> AsyncGenerator[bytes, None]:
    async for request in requests:
        if request.HasField("artifact"):
            raise InvalidArgument.field("artifact", "must come first, and once")
        yield request.data
