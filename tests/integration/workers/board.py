"""A server for workers that keeps its rows in memory: the same contract, spoken over a real gRPC port.

The `Board` outlives the server that shows it, so a test can take the server away and bring it back.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from switchyard.bots.v1 import bot_worker_service_pb2 as bots_pb
from switchyard.bots.v1 import bot_worker_service_pb2_grpc as bots_grpc
from switchyard.errors.v1 import error_reason_pb2 as reasons
from switchyard.tasks.v1 import task_pb2
from switchyard.tasks.v1 import worker_service_pb2 as pb
from switchyard.tasks.v1 import worker_service_pb2_grpc as tasks_grpc

TOKEN = "the-worker-token"
STATE = task_pb2.Task.State
FINAL = {STATE.STATE_SUCCEEDED, STATE.STATE_FAILED, STATE.STATE_CANCELLED}


@dataclass
class Row:
    task: task_pb2.Task
    files: dict[str, bytes] = field(default_factory=dict)
    lines: list[task_pb2.LogLine] = field(default_factory=list)
    appends: int = 0
    artifacts: dict[str, bytes] = field(default_factory=dict)
    report: pb.FinishTaskRequest | None = None
    releases: int = 0
    states: list[dict[str, bytes]] = field(default_factory=list)
    checks: list[tuple[str, bool]] = field(default_factory=list)
    cancel: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""
    secret: str = ""

    @property
    def texts(self) -> list[str]:
        return [line.message for line in self.lines]


class Board(tasks_grpc.WorkerServiceServicer, bots_grpc.BotWorkerServiceServicer):
    def __init__(self, *, lease_seconds: float = 3.0) -> None:
        self.rows: dict[str, Row] = {}
        self.refused_urls: set[str] = set()
        self._lease_seconds = lease_seconds
        self.fetch_seconds = 0.0  # how long the files of an instance take
        self._ids = count(1)

    def add(
        self, kind: str, payload: Message, *, files: dict[str, bytes] | None = None, timeout: float = 60, **facts: Any
    ) -> Row:
        packed = AnyMessage()
        packed.Pack(payload)
        task = task_pb2.Task(
            id=f"task-{next(self._ids)}", kind=kind, payload=packed, state=STATE.STATE_QUEUED, max_attempts=2
        )
        task.attempt_timeout.FromMilliseconds(int(timeout * 1000))
        row = self.rows[task.id] = Row(task, files or {"config.yaml": b"bot_code: noop\n"}, **facts)
        return row

    def cancel(self, row: Row) -> None:
        row.task.state = STATE.STATE_CANCELLING
        row.cancel.set()

    def take_back(self, row: Row) -> None:
        """Let the lease run out."""
        row.task.lease.fencing_token += 1
        row.task.state = STATE.STATE_FAILED

    async def _row(self, lease: pb.LeaseKey, context: Any) -> Row:
        assert ("x-api-token", TOKEN) in context.invocation_metadata()
        row = self.rows[lease.task_id]
        if lease.fencing_token != row.task.lease.fencing_token or row.task.state in FINAL:
            await refuse(context, code_pb2.FAILED_PRECONDITION, reasons.ERROR_REASON_LEASE_LOST)
        return row

    async def ClaimTask(self, request: pb.ClaimTaskRequest, context: Any) -> pb.ClaimTaskResponse:
        for row in self.rows.values():
            if row.task.state == STATE.STATE_QUEUED and row.task.kind in request.kinds:
                row.task.state = STATE.STATE_RUNNING
                row.task.attempt += 1
                row.task.lease.fencing_token += 1
                response = pb.ClaimTaskResponse(task=row.task)
                response.lease_duration.FromMilliseconds(int(self._lease_seconds * 1000))
                return response
        return pb.ClaimTaskResponse()

    async def RenewLease(self, request: pb.RenewLeaseRequest, context: Any) -> pb.RenewLeaseResponse:
        row = await self._row(request.lease, context)
        return pb.RenewLeaseResponse(cancel_requested=row.task.state == STATE.STATE_CANCELLING)

    async def WatchCancel(self, request: pb.WatchCancelRequest, context: Any) -> AsyncIterator[pb.WatchCancelResponse]:
        row = await self._row(request.lease, context)
        await row.cancel.wait()
        yield pb.WatchCancelResponse(reason="by the test")

    async def AppendLog(self, request: pb.AppendLogRequest, context: Any) -> pb.AppendLogResponse:
        row = await self._row(request.lease, context)
        row.appends += 1
        behind = len(row.lines) - request.first_sequence + 1
        if behind < 0:
            await refuse(context, code_pb2.OUT_OF_RANGE, reasons.ERROR_REASON_LOG_GAP)
        row.lines.extend(list(request.lines)[behind:])
        return pb.AppendLogResponse(stored_sequence=len(row.lines))

    async def ReportProgress(self, request: pb.ReportProgressRequest, context: Any) -> pb.ReportProgressResponse:
        row = await self._row(request.lease, context)
        row.task.progress.CopyFrom(request.progress)
        return pb.ReportProgressResponse()

    async def UploadArtifact(self, requests: Any, context: Any) -> pb.UploadArtifactResponse:
        header: pb.UploadArtifactRequest.Header | None = None
        data = b""
        async for request in requests:
            if request.HasField("header"):
                header = request.header
            data += request.data
        assert header is not None
        row = await self._row(header.lease, context)
        artifact = header.artifact
        assert (artifact.size_bytes, artifact.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        row.artifacts[artifact.name] = data
        return pb.UploadArtifactResponse(artifact=artifact)

    async def FinishTask(self, request: pb.FinishTaskRequest, context: Any) -> pb.FinishTaskResponse:
        row = await self._row(request.lease, context)
        row.report = request
        if request.HasField("progress"):
            row.task.progress.CopyFrom(request.progress)
        row.task.state = {
            "success": STATE.STATE_SUCCEEDED,
            "failed": STATE.STATE_FAILED,
            "cancelled": STATE.STATE_CANCELLED,
        }[request.WhichOneof("outcome") or ""]
        return pb.FinishTaskResponse(state=row.task.state)

    async def ReleaseTask(self, request: pb.ReleaseTaskRequest, context: Any) -> pb.ReleaseTaskResponse:
        row = await self._row(request.lease, context)
        row.releases += 1
        row.task.lease.fencing_token += 1
        return pb.ReleaseTaskResponse()

    async def ResolveAddress(self, request: pb.ResolveAddressRequest, context: Any) -> pb.ResolveAddressResponse:
        if request.url in self.refused_urls:
            await refuse(context, code_pb2.INVALID_ARGUMENT, reasons.ERROR_REASON_ADDRESS_REFUSED)
        return pb.ResolveAddressResponse(addresses=["127.0.0.1"])

    async def FetchFiles(
        self, request: bots_pb.FetchFilesRequest, context: Any
    ) -> AsyncIterator[bots_pb.FetchFilesResponse]:
        row = await self._row(request.lease, context)
        await asyncio.sleep(self.fetch_seconds)
        for path, data in row.files.items():
            half = len(data) // 2
            yield bots_pb.FetchFilesResponse(path=path, data=data[:half], first=True)
            yield bots_pb.FetchFilesResponse(path=path, data=data[half:])

    async def SaveState(self, requests: Any, context: Any) -> bots_pb.SaveStateResponse:
        header, *pieces = [request async for request in requests]
        row = await self._row(header.header.lease, context)
        state: dict[str, bytes] = {}
        for request in pieces:
            piece = request.piece
            state[piece.path] = piece.data if piece.first else state[piece.path] + piece.data
        row.states.append(state)
        return bots_pb.SaveStateResponse()

    async def ReportValidation(
        self, request: bots_pb.ReportValidationRequest, context: Any
    ) -> bots_pb.ReportValidationResponse:
        row = await self._row(request.lease, context)
        row.checks = [(check.name, check.ok) for check in request.checks]
        return bots_pb.ReportValidationResponse()

    async def GetDelivery(self, request: bots_pb.GetDeliveryRequest, context: Any) -> bots_pb.GetDeliveryResponse:
        row = await self._row(request.lease, context)
        return bots_pb.GetDeliveryResponse(url=row.url, secret=row.secret)


async def refuse(context: Any, code: int, reason: reasons.ErrorReason.ValueType) -> None:
    detail = AnyMessage()
    detail.Pack(error_details_pb2.ErrorInfo(reason=reasons.ErrorReason.Name(reason), domain="switchyard"))
    status = status_pb2.Status(code=code, message="refused by the test", details=[detail])
    await context.abort_with_status(rpc_status.to_status(status))


@asynccontextmanager
async def shown(board: Board, address: str) -> AsyncIterator[None]:
    """Serve the board at `address`; the end is as sudden as that of a killed process."""
    server = grpc.aio.server()
    tasks_grpc.add_WorkerServiceServicer_to_server(board, server)
    bots_grpc.add_BotWorkerServiceServicer_to_server(board, server)
    server.add_insecure_port(address)
    await server.start()
    try:
        yield
    finally:
        await server.stop(None)


def ended(row: Row) -> bool:
    return row.report is not None


async def until(fact: Any, *, seconds: float = 20.0) -> None:
    """Return when `fact()` holds; fail after `seconds`."""
    end = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < end, "it did not come true in time"
        await asyncio.sleep(0.01)
