"""A gRPC server with the real interceptors in front of a servicer that does what a test tells it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
import pytest
from prometheus_client import CollectorRegistry

from server.errors import CredentialInvalid
from server.rpc.access import Gate
from server.rpc.caller import CALLER, Caller
from server.rpc.interceptor import Interceptor, policies_of
from server.rpc.metrics import CallMetrics
from server.rpc.open_streams import OpenStreams
from switchyard.auth.v1 import access_pb2
from switchyard.tasks.v1 import task_service_pb2, task_service_pb2_grpc, worker_service_pb2, worker_service_pb2_grpc

WORKER_TOKEN: Final = "the-worker-token"
GATEWAY_TOKEN: Final = "the-gateway-token"


@dataclass
class Script(task_service_pb2_grpc.TaskServiceServicer, worker_service_pb2_grpc.WorkerServiceServicer):
    """Raises `error` if there is one, else answers; keeps who called."""

    error: BaseException | None = None
    callers: list[Caller] = field(default_factory=list)

    async def GetTask(self, request: Any, _context: Any) -> task_service_pb2.GetTaskResponse:
        self._act()
        return task_service_pb2.GetTaskResponse()

    async def WatchTask(self, request: Any, _context: Any) -> AsyncIterator[task_service_pb2.WatchTaskResponse]:
        yield task_service_pb2.WatchTaskResponse()
        self._act()
        if request.id == "endless":
            await asyncio.Event().wait()
        yield task_service_pb2.WatchTaskResponse()

    async def UploadArtifact(
        self, requests: AsyncIterator[Any], _context: Any
    ) -> worker_service_pb2.UploadArtifactResponse:
        self._act()
        async for _ in requests:
            pass
        return worker_service_pb2.UploadArtifactResponse()

    def _act(self) -> None:
        self.callers.append(CALLER.get())
        if self.error is not None:
            raise self.error


@dataclass
class Site:
    """A running server: its script, its metrics, and stubs to call it."""

    script: Script
    registry: CollectorRegistry
    streams: OpenStreams
    channel: grpc.aio.Channel
    tasks: Any
    worker: Any
    ended_sessions: set[str]


def read_token(token: str, address: str) -> Caller:
    if not token.startswith("session-"):
        raise CredentialInvalid("Invalid authentication token")
    return Caller(name="ann", role=access_pb2.ROLE_ADMIN, address=address, session_id=token)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    script = Script()  # type: ignore[abstract]  # what a test does not need is left to the generated base
    registry, streams = CollectorRegistry(), OpenStreams()
    ended: set[str] = set()

    async def session_lasts(session_id: str) -> bool:
        return session_id not in ended

    services = [
        task_service_pb2.DESCRIPTOR.services_by_name["TaskService"],
        worker_service_pb2.DESCRIPTOR.services_by_name["WorkerService"],
    ]
    interceptor = Interceptor(
        policies_of(services),
        Gate(api_key="the-api-key", worker_token=WORKER_TOKEN, dev_mode=False, read_token=read_token),
        gateway_token=GATEWAY_TOKEN,
        loopback_listener=True,
        session_lasts=session_lasts,
        metrics=CallMetrics(registry),
    )
    server = grpc.aio.server(interceptors=[streams, interceptor])
    task_service_pb2_grpc.add_TaskServiceServicer_to_server(script, server)
    worker_service_pb2_grpc.add_WorkerServiceServicer_to_server(script, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        tasks = task_service_pb2_grpc.TaskServiceStub(channel)
        worker = worker_service_pb2_grpc.WorkerServiceStub(channel)
        yield Site(script, registry, streams, channel, tasks, worker, ended)
    await server.stop(None)
