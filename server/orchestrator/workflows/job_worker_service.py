"""JobWorkerService: what a worker of this installation needs to run a job."""

from typing import Any

import grpc

from server.errors import InvalidArgument
from server.orchestrator.job_runs.beginnings import Beginnings
from server.orchestrator.job_runs.versions import Versions
from server.orchestrator.jobs import job_view
from server.orchestrator.jobs.new_job import KINDS
from server.tasks.kernel import Kernel
from switchyard.orchestrator.v1 import job_worker_service_pb2 as pb
from switchyard.orchestrator.v1 import job_worker_service_pb2_grpc as pb_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class JobWorkerService(pb_grpc.JobWorkerServiceServicer):
    """Gives out graphs to whoever holds the lease of a job."""

    def __init__(self, kernel: Kernel, versions: Versions, beginnings: Beginnings) -> None:
        self._kernel = kernel
        self._versions = versions
        self._beginnings = beginnings

    async def GetJobGraph(self, request: pb.GetJobGraphRequest, _context: Context) -> pb.GetJobGraphResponse:
        """Read what is to be executed."""
        row = await self._kernel.held(request.lease.task_id, request.lease.fencing_token)
        if row.kind not in KINDS:
            raise InvalidArgument.field("lease.task_id", "must be the id of a job")
        job = job_view.payload(row)
        version = await self._versions.get(job.workflow_id, job.version)
        beginning = await self._beginnings.of(row, version)
        return pb.GetJobGraphResponse(
            graph=version.graph,
            secrets=beginning.secrets,
            checkpoint=beginning.checkpoint,
            node_executions=beginning.node_executions,
        )
