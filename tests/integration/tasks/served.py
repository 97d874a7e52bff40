"""WorkerService and TaskService over a real channel, behind the real interceptor, and what calls them."""

import hashlib
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from prometheus_client import CollectorRegistry

from server.database.database import Database
from server.errors import AddressRefused
from server.rpc.access import Gate
from server.rpc.caller import Caller
from server.rpc.interceptor import Interceptor, policies_of
from server.rpc.metrics import CallMetrics
from server.tasks.artifacts import ArtifactFiles
from server.tasks.kernel import Kernel
from server.tasks.log_hub import LogHub
from server.tasks.service import TaskServicer
from server.tasks.worker_service import WorkerServicer
from switchyard.auth.v1 import access_pb2
from switchyard.tasks.v1 import task_service_pb2 as tasks_pb
from switchyard.tasks.v1 import task_service_pb2_grpc, worker_service_pb2_grpc
from switchyard.tasks.v1 import worker_service_pb2 as pb
from switchyard.tasks.v1.task_pb2 import Artifact
from tests.integration.tasks.parts import run

WORKER: Final = (("x-api-token", "worker-token"),)
OPERATOR: Final = (("authorization", "Bearer *"),)
SUCCESS: Final = pb.FinishTaskRequest.Success()
CANCELLED: Final = pb.FinishTaskRequest.Cancelled()
CONTENT: Final = bytes(range(256)) * 5000


class OneHost:
    """A rule that knows one host."""

    async def resolve(self, url: str) -> list[str]:
        if "example.com" not in url:
            raise AddressRefused("the address may not be called", url=url)
        return ["192.0.2.1"]


def person(token: str, address: str) -> Caller:
    """Whose token is the tenant's name; "*" sees every tenant."""
    return Caller("ann", access_pb2.ROLE_OPERATOR, None if token == "*" else token, address=address)


async def lasts(_: str) -> bool:
    return True


@dataclass(frozen=True)
class System:
    """A server, and stubs to call it: `worker` for WorkerService, `tasks` for TaskService."""

    kernel: Kernel
    database: Database
    files: ArtifactFiles
    folder: Path
    worker: Any
    tasks: Any

    async def claimed(self) -> pb.LeaseKey:
        await self.kernel.create(run())
        request = pb.ClaimTaskRequest(worker_id="w1", worker_host="host1", kinds=["run_bot"])
        task = (await self.worker.ClaimTask(request, metadata=WORKER)).task
        return pb.LeaseKey(task_id=task.id, fencing_token=task.lease.fencing_token)

    async def upload(self, lease: pb.LeaseKey, artifact: Artifact, *pieces: bytes) -> Artifact:
        async def requests() -> AsyncIterator[pb.UploadArtifactRequest]:
            yield pb.UploadArtifactRequest(header=pb.UploadArtifactRequest.Header(lease=lease, artifact=artifact))
            for piece in pieces:
                yield pb.UploadArtifactRequest(data=piece)

        answer = await self.worker.UploadArtifact(requests(), metadata=WORKER)
        stored: Artifact = answer.artifact
        return stored

    def files_on_disk(self) -> list[bytes]:
        return [path.read_bytes() for path in self.folder.rglob("*") if path.is_file()]


@asynccontextmanager
async def served(
    kernel: Kernel, database: Database, hub: LogHub, files: ArtifactFiles
) -> AsyncIterator[grpc.aio.Channel]:
    services = (tasks_pb.DESCRIPTOR, pb.DESCRIPTOR)
    interceptor = Interceptor(
        policies_of([service for file in services for service in file.services_by_name.values()]),
        Gate(api_key="api-key", worker_token="worker-token", dev_mode=False, read_token=person),
        gateway_token="",
        loopback_listener=True,
        session_lasts=lasts,
        metrics=CallMetrics(CollectorRegistry()),
    )
    server = grpc.aio.server(interceptors=[interceptor])
    task_service_pb2_grpc.add_TaskServiceServicer_to_server(TaskServicer(kernel, database), server)
    servicer = WorkerServicer(kernel, database, hub, files, OneHost())
    worker_service_pb2_grpc.add_WorkerServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(None)


async def reason(call: Awaitable[object]) -> str:
    """Return the reason a call is refused with."""
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await call
    metadata: Any = refusal.value.trailing_metadata()
    status = status_pb2.Status.FromString(metadata["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return str(info.reason)


def artifact(content: bytes = CONTENT, **changes: Any) -> Artifact:
    fields: dict[str, Any] = {
        "name": "page.png",
        "kind": Artifact.KIND_SCREENSHOT,
        "content_type": "image/png",
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    return Artifact(**(fields | changes))


async def collect(call: AsyncIterator[Any]) -> list[Any]:
    return [answer async for answer in call]
