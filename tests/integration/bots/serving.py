"""The bots of a server over real SQLite and a real channel, and a worker that says what the test wants."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from cryptography.fernet import Fernet
from prometheus_client import CollectorRegistry

from server.bots import services
from server.bots.services import BotServices, LogLimits
from server.clock import now_micros
from server.database.database import Database, open_database
from server.errors import CredentialInvalid
from server.outbound import OutboundRule
from server.rpc.access import Gate
from server.rpc.caller import Caller
from server.rpc.interceptor import Interceptor, policies_of
from server.rpc.metrics import CallMetrics
from server.secret_box import SecretBox
from server.tasks.artifacts import ArtifactFiles
from server.tasks.kernel import Kernel
from server.tasks.log_hub import LogHub
from server.tasks.worker_service import WorkerServicer
from switchyard.auth.v1 import access_pb2
from switchyard.bots.v1 import (
    bot_instance_pb2,
    bot_instance_service_pb2,
    bot_instance_service_pb2_grpc,
    bot_worker_service_pb2,
    bot_worker_service_pb2_grpc,
    run_service_pb2,
    run_service_pb2_grpc,
    webhook_service_pb2,
    webhook_service_pb2_grpc,
)
from switchyard.tasks.v1 import task_pb2, worker_service_pb2, worker_service_pb2_grpc
from tests.integration.database.databases import USUAL_DIALECT, database_url

WORKER = (("x-api-token", "worker-token"),)
API_KEY = (("x-api-key", "api-key"),)


def bearer(tenant: str) -> tuple[tuple[str, str], ...]:
    """Return the credential of a caller that belongs to `tenant`."""
    return (("authorization", f"Bearer {tenant}"),)


class SilentQueue:
    """A queue without workers: tests claim by themselves."""

    def announce(self, kinds: Sequence[str]) -> None:
        """Wake nobody."""


@dataclass
class TurnableClock:
    """The time of the machine, moved on by `ahead` micros."""

    ahead: int = 0

    def __call__(self) -> int:
        return now_micros() + self.ahead


@dataclass
class Bots:
    """A running server and its stubs."""

    data_dir: Path
    database: Database
    kernel: Kernel
    hub: LogHub
    services: BotServices
    clock: TurnableClock
    channel: grpc.aio.Channel
    instances: "bot_instance_service_pb2_grpc.BotInstanceServiceAsyncStub" = field(init=False)
    runs: "run_service_pb2_grpc.RunServiceAsyncStub" = field(init=False)
    webhooks: "webhook_service_pb2_grpc.WebhookServiceAsyncStub" = field(init=False)
    bot_worker: "bot_worker_service_pb2_grpc.BotWorkerServiceAsyncStub" = field(init=False)
    worker: "worker_service_pb2_grpc.WorkerServiceAsyncStub" = field(init=False)

    def __post_init__(self) -> None:
        self.instances = bot_instance_service_pb2_grpc.BotInstanceServiceStub(self.channel)
        self.runs = run_service_pb2_grpc.RunServiceStub(self.channel)
        self.webhooks = webhook_service_pb2_grpc.WebhookServiceStub(self.channel)
        self.bot_worker = bot_worker_service_pb2_grpc.BotWorkerServiceStub(self.channel)
        self.worker = worker_service_pb2_grpc.WorkerServiceStub(self.channel)

    async def create(self, **fields: object) -> bot_instance_pb2.BotInstance:
        """Create an instance of the bot "noop", owned by the user "ann" unless `fields` say otherwise."""
        given = {"owner_type": bot_instance_pb2.OWNER_TYPE_USER, "owner_id": "ann", "bot_code": "noop"} | fields
        request = bot_instance_service_pb2.CreateBotInstanceRequest(**given)  # type: ignore[arg-type]
        return (await self.instances.CreateBotInstance(request)).bot_instance

    async def get(self, instance_id: str) -> bot_instance_pb2.BotInstance:
        """Read an instance."""
        request = bot_instance_service_pb2.GetBotInstanceRequest(id=instance_id)
        return (await self.instances.GetBotInstance(request)).bot_instance

    def folder(self, instance: bot_instance_pb2.BotInstance) -> Path:
        """Return the folder of an instance."""
        return Path(instance.config_path).parent

    async def start(self, instance_id: str, **fields: object) -> str:
        """Start a Run and return its id."""
        request = run_service_pb2.StartRunRequest(id=instance_id, **fields)  # type: ignore[arg-type]
        return (await self.runs.StartRun(request)).run_id

    async def claim(self, kind: str) -> task_pb2.Task:
        """Take a Task as a worker does."""
        request = worker_service_pb2.ClaimTaskRequest(worker_id="w1", worker_host="host-1", kinds=[kind])
        task = (await self.worker.ClaimTask(request, metadata=WORKER)).task
        assert task.id, f"no task of kind {kind} waits"
        return task

    async def log(self, task: task_pb2.Task, first: int, *messages: str) -> None:
        """Append lines to the log of a claimed Task."""
        lines = [task_pb2.LogLine(message=message) for message in messages]
        request = worker_service_pb2.AppendLogRequest(lease=lease(task), first_sequence=first, lines=lines)
        await self.worker.AppendLog(request, metadata=WORKER)

    async def succeed(self, task: task_pb2.Task) -> None:
        """End a claimed Task well."""
        success = worker_service_pb2.FinishTaskRequest.Success()
        request = worker_service_pb2.FinishTaskRequest(lease=lease(task), success=success)
        await self.worker.FinishTask(request, metadata=WORKER)

    async def fail(self, task: task_pb2.Task, error_type: str = "StepFailed", message: str = "it broke") -> None:
        """End a claimed Task badly, for good."""
        error = task_pb2.Failure(type=error_type, message=message)
        failed = worker_service_pb2.FinishTaskRequest.Failed(error=error)
        request = worker_service_pb2.FinishTaskRequest(lease=lease(task), failed=failed)
        await self.worker.FinishTask(request, metadata=WORKER)

    async def run_once(self, instance_id: str, *messages: str) -> str:
        """Run an instance to its good end, with these lines in its log; return the id of the Run."""
        run_id = await self.start(instance_id)
        task = await self.claim("run_bot")
        if messages:
            await self.log(task, 1, *messages)
        await self.succeed(task)
        return run_id


def lease(task: task_pb2.Task) -> worker_service_pb2.LeaseKey:
    """Return the key of a claimed Task's lease."""
    return worker_service_pb2.LeaseKey(task_id=task.id, fencing_token=task.lease.fencing_token)


@asynccontextmanager
async def serving(data_dir: Path, *, dialect: str = USUAL_DIALECT) -> AsyncIterator[Bots]:
    """Serve the bots of `data_dir`; whatever an earlier server left there is taken up."""
    data_dir.mkdir(exist_ok=True)
    clock = TurnableClock()
    database = await open_database(database_url(dialect, data_dir))
    kernel = Kernel(database, SilentQueue(), clock, services.FINAL_HOOKS)
    hub = LogHub(database, kernel.changes)
    artifact_files = ArtifactFiles(data_dir, database, clock)
    outbound = OutboundRule(loopback_open=True)
    built = services.build(
        database=database,
        kernel=kernel,
        hub=hub,
        artifact_files=artifact_files,
        secret_box=SecretBox(Fernet.generate_key()),
        outbound=outbound,
        clock=clock,
        data_dir=data_dir,
        log_limits=LogLimits(file_megabytes=1, retention_days=30, retention_megabytes=500),
    )
    server = grpc.aio.server(interceptors=[_interceptor()])
    built.add_to_server(server)
    worker = WorkerServicer(kernel, database, hub, artifact_files, outbound)
    worker_service_pb2_grpc.add_WorkerServiceServicer_to_server(worker, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    background = asyncio.create_task(built.run_background())
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Bots(data_dir, database, kernel, hub, built, clock, channel)
    await server.stop(0)
    background.cancel()
    await asyncio.gather(background, return_exceptions=True)
    await database.close()


def _interceptor() -> Interceptor:
    async def session_lasts(_: str) -> bool:
        return True

    modules = (
        bot_instance_service_pb2,
        run_service_pb2,
        webhook_service_pb2,
        bot_worker_service_pb2,
        worker_service_pb2,
    )
    described = [service for module in modules for service in module.DESCRIPTOR.services_by_name.values()]
    gate = Gate(api_key="api-key", worker_token="worker-token", dev_mode=False, read_token=_tenant_of)
    return Interceptor(
        policies_of(described),
        gate,
        gateway_token="gateway-token",
        loopback_listener=True,
        session_lasts=session_lasts,
        metrics=CallMetrics(CollectorRegistry()),
    )


def _tenant_of(token: str, address: str) -> Caller:
    """Read a token that is the name of a tenant."""
    if not token:
        raise CredentialInvalid("Invalid authentication token")
    return Caller(name=token, role=access_pb2.ROLE_DEVELOPER, tenant_id=token, address=address)
