"""The whole server over a real database, over a real gRPC channel and over HTTP, all in this process."""

import asyncio
import dataclasses
import importlib
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from server import main
from server.clock import now_micros
from server.config import ServerConfig
from server.credentials import Credentials, load_credentials
from server.database.database import Database, open_database
from server.orchestrator.jobs.new_job import new_job
from server.parts import Parts, build
from server.tasks.kernel import Kernel
from server.tasks.task import TaskRow
from switchyard.auth.v1 import access_pb2
from switchyard.orchestrator.v1 import workflow_pb2
from switchyard.orchestrator.v1.job_worker_service_pb2 import RunWorkflow, WorkflowResult
from switchyard.tasks.v1 import worker_service_pb2 as worker_pb
from switchyard.tasks.v1.task_pb2 import Failure
from tests.integration.database.databases import USUAL_DIALECT, database_url

ADMIN_PASSWORD = "an-admin-password"
ROLES = {
    "viewer": access_pb2.ROLE_VIEWER,
    "operator": access_pb2.ROLE_OPERATOR,
    "developer": access_pb2.ROLE_DEVELOPER,
    "admin": access_pb2.ROLE_ADMIN,
}
LAN, INTERNET = workflow_pb2.EXECUTION_MODE_LAN, workflow_pb2.EXECUTION_MODE_INTERNET

Metadata = Sequence[tuple[str, str]]


@dataclass
class TurnableClock:
    """The time of the machine, moved on by `ahead` micros; once `stopped_at` is set, that and nothing else."""

    ahead: int = 0
    stopped_at: int | None = None

    def __call__(self) -> int:
        return (now_micros() if self.stopped_at is None else self.stopped_at) + self.ahead


@dataclass
class Site:
    """A running server. `http` has the API key, which is an admin's."""

    data_dir: Path
    config: ServerConfig
    credentials: Credentials
    database: Database
    parts: Parts
    clock: TurnableClock
    channel: grpc.aio.Channel
    address: str
    http: httpx.AsyncClient
    passwords: dict[str, str] = field(default_factory=dict)

    @property
    def kernel(self) -> Kernel:
        return self.parts.kernel

    @property
    def admin(self) -> Metadata:
        """Metadata of the API key."""
        return (("x-api-key", self.credentials.api_key),)

    @property
    def worker(self) -> Metadata:
        """Metadata of the worker token."""
        return (("x-api-token", self.credentials.worker_token),)

    def stub(self, service: str) -> Any:
        """Return a stub of one of our services: "orchestrator.JobService"."""
        package, _, name = service.rpartition(".")
        snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
        module = importlib.import_module(f"switchyard.{package}.v1.{snake}_pb2_grpc")
        return getattr(module, f"{name}Stub")(self.channel)

    async def bearer(self, role: str, *, tenant: str | None = None) -> dict[str, str]:
        """Return the header of an account with that role, made when first asked for."""
        username = f"{role}-{tenant or 'all'}"
        if username not in self.passwords:
            body = {"username": username, "password": f"{username}-password", "roles": [role]}
            answer = await self.http.post("/api/v1/users", json=body | ({"tenant_id": tenant} if tenant else {}))
            assert answer.status_code == 201, answer.text
            self.passwords[username] = f"{username}-password"
        body = {"username": username, "password": self.passwords[username]}
        answer = await self.http.post("/api/v1/auth/login", json=body, headers={"x-api-key": ""})
        assert answer.status_code == 200, answer.text
        return {"authorization": f"Bearer {answer.json()['access_token']}"}

    @asynccontextmanager
    async def client(self, role: str, *, tenant: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
        """Return an HTTP client of an account with that role."""
        headers = await self.bearer(role, tenant=tenant)
        async with _http(self.parts, self.config, self.credentials, headers) as client:
            yield client

    async def queue_job(self, workflow_id: str = "w1", **fields: Any) -> TaskRow:
        """Queue a job of a workflow that nobody has stored."""
        payload = RunWorkflow(workflow_id=workflow_id, workflow_name=fields.pop("name", "Daily Report"), version=1)
        given: dict[str, Any] = {"mode": LAN, "tenant": ""} | fields
        return await self.kernel.create(new_job(payload, **given))

    async def claim(self, worker_id: str = "robot-001", *kinds: str) -> worker_pb.LeaseKey:
        """Claim the best job as a worker does."""
        request = worker_pb.ClaimTaskRequest(
            worker_id=worker_id, worker_host="host-1", kinds=kinds or ("run_workflow", "run_workflow_internet")
        )
        task = (await self.stub("tasks.WorkerService").ClaimTask(request, metadata=self.worker)).task
        assert task.id, "nothing waits"
        return worker_pb.LeaseKey(task_id=task.id, fencing_token=task.lease.fencing_token)

    async def complete(self, lease: worker_pb.LeaseKey, result: WorkflowResult | None = None) -> None:
        """End a job well."""
        request = worker_pb.FinishTaskRequest(lease=lease, success=worker_pb.FinishTaskRequest.Success())
        request.success.result.Pack(result or WorkflowResult())
        await self.stub("tasks.WorkerService").FinishTask(request, metadata=self.worker)

    async def fail(self, lease: worker_pb.LeaseKey, error_type: str = "TimeoutError", retryable: bool = False) -> None:
        """End a job badly."""
        error = Failure(type=error_type, message="it took too long")
        failed = worker_pb.FinishTaskRequest.Failed(error=error, retryable=retryable)
        request = worker_pb.FinishTaskRequest(lease=lease, failed=failed)
        await self.stub("tasks.WorkerService").FinishTask(request, metadata=self.worker)


async def refused(call: Awaitable[object]) -> tuple[grpc.StatusCode, str]:
    """Await a call that has to be refused, and return its code and sentence."""
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await call
    return refusal.value.code(), refusal.value.details() or ""


@asynccontextmanager
async def serving(
    data_dir: Path, *, dialect: str = USUAL_DIALECT, url: str = "", background: bool = True, **environ: str
) -> AsyncIterator[Site]:
    """Serve everything over an empty database, or over that at `url`; without `background` nothing works by itself."""
    data_dir.mkdir(exist_ok=True)
    given = {
        "DATA_DIR": str(data_dir),
        "DATABASE_URL": url or (database_url(dialect, data_dir)),
        # Nobody is there: work waits, and whoever asks gets it.
        "REDIS_URL": f"unix://{data_dir}/no-queue.sock",
        "ADMIN_PASSWORD": ADMIN_PASSWORD,
        "JWT_SECRET_KEY": "a-key-that-several-servers-share",
    }
    # The bound of the variable says "postgresql://", while the sockets of the tests need more than that.
    config = dataclasses.replace(
        ServerConfig.from_environment(given | {"DATABASE_URL": ""} | environ), database_url=given["DATABASE_URL"]
    )
    credentials = load_credentials(config)
    clock = TurnableClock()
    database = await open_database(config.database_url)
    parts = await build(config, credentials, database, start_time=now_micros(), clock=clock)
    headers = {"x-api-key": credentials.api_key}
    client = _http(parts, config, credentials, headers)
    server = grpc.aio.server(interceptors=[parts.interceptor], options=main.GRPC_OPTIONS)
    parts.handlers.serve_on(server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    working = [asyncio.create_task(work()) for work in (parts.background if background else ())]
    async with grpc.aio.insecure_channel(address) as channel, client as http:
        yield Site(data_dir, config, credentials, database, parts, clock, channel, address, http)
    await server.stop(0)
    for one in working:
        one.cancel()
    results = await asyncio.gather(*working, return_exceptions=True)
    await database.close()
    assert [one for one in results if not isinstance(one, asyncio.CancelledError)] == []


@asynccontextmanager
async def _http(
    parts: Parts, config: ServerConfig, credentials: Credentials, headers: dict[str, str]
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the main listener, with a gateway of its own, as each listener has one."""
    gateway = main.make_gateways(config, credentials, parts)[0].app
    transport = httpx.ASGITransport(gateway, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", headers=headers) as client:
        yield client
    await gateway.close()
