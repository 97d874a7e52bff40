"""WorkerService: the kernel as workers see it."""

import math
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Final, Protocol

import grpc
import structlog
from google.protobuf.duration_pb2 import Duration

from server.clock import to_timestamp
from server.database.database import Database
from server.database.text import storable
from server.errors import InvalidArgument, LeaseLost
from server.tasks import artifacts, log_store
from server.tasks.artifacts import ArtifactFiles
from server.tasks.kernel import Kernel
from server.tasks.lifecycle import Cancelled, Failed, Outcome, Progress, Succeeded
from server.tasks.log_hub import LogHub
from server.tasks.task import to_message
from switchyard.tasks.v1 import task_pb2, worker_service_pb2_grpc
from switchyard.tasks.v1 import worker_service_pb2 as pb
from switchyard.tasks.v1.task_pb2 import Task

# Source: the comment of `Progress.message`.
PROGRESS_CHARACTERS: Final = 500
# Longer ones would keep a Task from its workers for good.
RETRY_DELAY_SECONDS: Final = 86_400

log = structlog.get_logger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]


class AddressRule(Protocol):
    """Says which addresses may be called from here."""

    async def resolve(self, url: str) -> list[str]:
        """Return the addresses of the host of `url`, all of them allowed. Raises AddressRefused."""


class WorkerServicer(worker_service_pb2_grpc.WorkerServiceServicer):
    """Claim, keep, report, end: each method is one unit of work of the kernel."""

    def __init__(
        self, kernel: Kernel, database: Database, hub: LogHub, files: ArtifactFiles, outbound: AddressRule
    ) -> None:
        self._kernel = kernel
        self._database = database
        self._hub = hub
        self._files = files
        self._outbound = outbound

    async def ClaimTask(self, request: pb.ClaimTaskRequest, _: Context) -> pb.ClaimTaskResponse:
        """Lease the best waiting Task."""
        row = await self._kernel.claim(
            worker_id=storable(request.worker_id),
            worker_host=storable(request.worker_host),
            kinds=[storable(kind) for kind in request.kinds],
        )
        return pb.ClaimTaskResponse(
            task=None if row is None else to_message(row, payload=True),
            lease_duration=_duration(self._kernel.lease_seconds),
        )

    async def RenewLease(self, request: pb.RenewLeaseRequest, _: Context) -> pb.RenewLeaseResponse:
        """Renew a lease."""
        row = await self._kernel.renew(request.lease.task_id, request.lease.fencing_token)
        return pb.RenewLeaseResponse(
            expire_time=to_timestamp(row.lease_expire_time or 0), cancel_requested=row.state == Task.STATE_CANCELLING
        )

    async def WatchCancel(
        self, request: pb.WatchCancelRequest, _: Context
    ) -> AsyncGenerator[pb.WatchCancelResponse, None]:
        """Wait for a request to cancel."""
        lease = request.lease
        with self._kernel.changes.watch(lease.task_id) as watch:
            row = await self._kernel.held(lease.task_id, lease.fencing_token)
            while row.state != Task.STATE_CANCELLING:
                await watch.wait(self._kernel.changes.look_seconds)
                try:
                    row = await self._kernel.held(lease.task_id, lease.fencing_token)
                except LeaseLost:
                    return
        yield pb.WatchCancelResponse(cancel_time=to_timestamp(row.cancel_time or 0), reason=row.cancel_reason)

    async def AppendLog(self, request: pb.AppendLogRequest, _: Context) -> pb.AppendLogResponse:
        """Store log lines, then hand them to those who follow."""
        lease = request.lease
        lines = log_store.from_message(request.lines, now=self._kernel.clock())
        appended = await self._database.write(
            lambda connection: log_store.append(
                connection, lease.task_id, lease.fencing_token, request.first_sequence, lines
            )
        )
        self._hub.publish(lease.task_id, appended.lines)
        return pb.AppendLogResponse(stored_sequence=appended.stored_sequence)

    async def ReportProgress(self, request: pb.ReportProgressRequest, _: Context) -> pb.ReportProgressResponse:
        """Store how far the work has come."""
        lease = request.lease
        await self._kernel.report_progress(lease.task_id, lease.fencing_token, _progress(request.progress))
        return pb.ReportProgressResponse()

    async def UploadArtifact(
        self, request_iterator: AsyncIterator[pb.UploadArtifactRequest], _: Context
    ) -> pb.UploadArtifactResponse:
        """Store a file."""
        first = await anext(aiter(request_iterator), None)
        if first is None or first.WhichOneof("part") != "header":
            raise InvalidArgument.field("header", "must come first")
        lease = first.header.lease
        row = await self._files.receive(
            lease.task_id, lease.fencing_token, first.header.artifact, _pieces(request_iterator)
        )
        return pb.UploadArtifactResponse(artifact=artifacts.to_message(row))

    async def FinishTask(self, request: pb.FinishTaskRequest, _: Context) -> pb.FinishTaskResponse:
        """End an attempt."""
        row = await self._kernel.finish(
            request.lease.task_id,
            request.lease.fencing_token,
            _outcome(request),
            exit_code=request.exit_code if request.HasField("exit_code") else None,
            progress=_progress(request.progress) if request.HasField("progress") else None,
        )
        return pb.FinishTaskResponse(state=row.finish_state)

    async def ReleaseTask(self, request: pb.ReleaseTaskRequest, _: Context) -> pb.ReleaseTaskResponse:
        """Give a Task back unfinished."""
        row = await self._kernel.release(request.lease.task_id, request.lease.fencing_token)
        log.info("task released", task_id=row.id, reason=request.reason)
        return pb.ReleaseTaskResponse()

    async def ResolveAddress(self, request: pb.ResolveAddressRequest, _: Context) -> pb.ResolveAddressResponse:
        """Check an address a worker wants to connect to."""
        return pb.ResolveAddressResponse(addresses=await self._outbound.resolve(request.url))


def _progress(told: task_pb2.Progress) -> Progress:
    """Return how far the work has come. Raises InvalidArgument when that is out of bounds."""
    fraction = told.fraction if told.HasField("fraction") else None
    if fraction is not None and not 0.0 <= fraction <= 1.0:
        raise InvalidArgument.field("progress.fraction", "must be between 0 and 1")
    if len(told.message) > PROGRESS_CHARACTERS:
        raise InvalidArgument.field("progress.message", f"must have at most {PROGRESS_CHARACTERS} characters")
    return Progress(fraction, storable(told.message))


async def _pieces(requests: AsyncIterator[pb.UploadArtifactRequest]) -> AsyncGenerator[bytes, None]:
    async for request in requests:
        if request.WhichOneof("part") != "data":
            raise InvalidArgument.field("data", "must follow the header")
        yield request.data


def _outcome(request: pb.FinishTaskRequest) -> Outcome:
    """Return how the attempt ended. Raises InvalidArgument when the request does not say, or out of bounds."""
    match request.WhichOneof("outcome"):
        case "success":
            success = request.success
            return Succeeded(success.result.SerializeToString() if success.HasField("result") else None)
        case "failed":
            return _failed(request.failed)
        case "cancelled":
            cancelled = request.cancelled
            result = cancelled.result.SerializeToString() if cancelled.HasField("result") else None
            return Cancelled(cancelled.receipt.SerializeToString(), result)
    raise InvalidArgument.field("outcome", "must be given: success, failed or cancelled")


def _failed(failed: pb.FinishTaskRequest.Failed) -> Failed:
    if not failed.error.type:
        raise InvalidArgument.field("failed.error.type", "must be given")
    delay = None
    if failed.HasField("retry_delay"):
        delay = failed.retry_delay.seconds + failed.retry_delay.nanos / 1e9
        if not 0 <= delay <= RETRY_DELAY_SECONDS:
            raise InvalidArgument.field("failed.retry_delay", "must be between 0 s and 24 h")
    return Failed(
        error_type=storable(failed.error.type),
        error_message=storable(failed.error.message),
        retryable=failed.retryable,
        retry_delay_seconds=delay,
        result=failed.result.SerializeToString() if failed.HasField("result") else None,
    )


def _duration(seconds: float) -> Duration:
    fraction, whole = math.modf(seconds)
    return Duration(seconds=int(whole), nanos=round(fraction * 1e9))
