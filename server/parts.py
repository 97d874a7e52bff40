"""The parts of a server, put together: what each domain needs, and what stands before all of them."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, cast

import grpc
import sqlalchemy as sa
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from server.accounts import services as accounts
from server.accounts.first_admin import ensure_admin
from server.accounts.passwords import Passwords
from server.accounts.robot_tokens import RobotTokens
from server.accounts.services import AccountServices
from server.accounts.tokens import Tokens
from server.bots import services as bots
from server.bots.instance_store import KINDS as BOT_KINDS
from server.bots.instance_store import RUN_KIND
from server.bots.services import BotServices
from server.clock import Clock, now_micros
from server.comfy import services as comfy
from server.comfy.new_task import KINDS as COMFY_KINDS
from server.comfy.services import ComfyServices
from server.config import ConfigInvalid, ServerConfig, is_loopback
from server.console.console_service import ConsoleService
from server.credentials import Credentials
from server.database import metrics as database_metrics
from server.database.database import Database
from server.environments import services as environments
from server.environments.new_task import KINDS as ENVIRONMENT_KINDS
from server.environments.services import EnvironmentServices
from server.environments.settings import EnvironmentSettings
from server.fan_out import Alone, FanOut
from server.fan_out.redis_fan_out import RedisFanOut
from server.orchestrator import services as orchestrator
from server.orchestrator.jobs.new_job import KINDS as JOB_KINDS
from server.orchestrator.schedules import metrics as schedule_metrics
from server.orchestrator.services import OrchestratorServices
from server.outbound import OutboundRule
from server.rpc.access import Gate
from server.rpc.audit import Audit
from server.rpc.caller import FindEnvironment, FindRobot
from server.rpc.handlers import Handlers
from server.rpc.interceptor import Interceptor, policies_of
from server.rpc.metrics import CallMetrics
from server.secret_box import SecretBox, open_secret_box
from server.system.loop_lag import LoopLag
from server.system.metrics import ServerMetrics
from server.system.service import SystemService
from server.tasks import metrics as task_metrics
from server.tasks.artifacts import ArtifactFiles
from server.tasks.kernel import Kernel
from server.tasks.log_hub import LogHub
from server.tasks.queue import NoQueue, QueueUrlInvalid, WorkQueue
from server.tasks.retention import Retention
from server.tasks.service import TaskServicer
from server.tasks.store import FinalHook, FinalHooks
from server.tasks.sweep import Sweep
from server.tasks.task import NewTask, TaskRow
from server.tasks.worker_service import WorkerServicer
from server.telemetry import services as telemetry
from server.telemetry.services import TelemetryServices
from server.telemetry.sessions.retention import Limits
from server.telemetry.sessions.run_sessions import RunSessions
from switchyard.environments.v1.quota_service_pb2 import Amounts
from switchyard.system.v1.console_service_pb2_grpc import add_ConsoleServiceServicer_to_server
from switchyard.system.v1.system_service_pb2_grpc import add_SystemServiceServicer_to_server
from switchyard.tasks.v1.task_service_pb2_grpc import add_TaskServiceServicer_to_server
from switchyard.tasks.v1.worker_service_pb2_grpc import add_WorkerServiceServicer_to_server
from switchyard.telemetry.v1.statistics_service_pb2 import GetHealthResponse

if TYPE_CHECKING:
    from server.rpc.tracing import Tracing

VERSION: Final = version("switchyard")

WELL_KNOWN_SERVICES: Final = (
    health_pb2.DESCRIPTOR.services_by_name["Health"],
    reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"],
)

# The kinds whose logs and files go when they are old.
KEPT_KINDS: Final = (*BOT_KINDS, *JOB_KINDS, *COMFY_KINDS, *ENVIRONMENT_KINDS)


# What is counted where no part is at hand that was made for it.
COUNTED_ELSEWHERE: Final = (*task_metrics.METRICS, *database_metrics.METRICS, *schedule_metrics.METRICS)


@dataclass(frozen=True, slots=True)
class Parts:
    """What `run` keeps alive: the servicers, what stands before them, and what works by itself in the background."""

    handlers: Handlers
    interceptor: Interceptor
    metrics: ServerMetrics
    background: Sequence[Callable[[], Coroutine[Any, Any, None]]]
    kernel: Kernel
    # Called when the server stops, before it waits for the calls that are open.
    closing: Sequence[Callable[[], None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What all domains stand on."""

    config: ServerConfig
    database: Database
    kernel: Kernel
    hub: LogHub
    fan_out: FanOut
    artifact_files: ArtifactFiles
    secret_box: SecretBox
    outbound: OutboundRule
    clock: Clock


async def build(
    config: ServerConfig, credentials: Credentials, database: Database, *, start_time: int, clock: Clock = now_micros
) -> Parts:
    """Make every part of the server."""
    metrics, registered, queue = ServerMetrics(COUNTED_ELSEWHERE), Handlers(), make_queue(config)
    # What generated code asks of a server is what `Handlers` has.
    handlers = cast("grpc.aio.Server", registered)
    secret_box = open_secret_box(config.data_dir)
    fan_out = make_fan_out(config, secret_box)
    telemetry_services = build_telemetry(config, database, secret_box, clock, fan_out)
    hooks = final_hooks(telemetry_services.run_sessions)
    ground = lay_ground(config, database, queue, fan_out, secret_box, clock, hooks)
    bot_services, comfy_services = build_bots(ground), build_comfy(ground)
    orchestrator_services = build_orchestrator(ground, queue)
    environment_services = build_environments(ground, start_time=start_time)
    tokens = make_tokens(config, credentials, clock)
    account_services = await build_accounts(config, credentials, database, tokens, clock)
    domains = (
        bot_services,
        telemetry_services,
        account_services,
        orchestrator_services,
        comfy_services,
        environment_services,
    )
    add_own_services(ground, queue, metrics, handlers, start_time=start_time)
    for services in domains:
        services.add_to_server(handlers)
    tracing = make_tracing(config)
    interceptor = make_interceptor(
        config,
        credentials,
        [*registered.services(), *WELL_KNOWN_SERVICES],
        account_services,
        tokens=tokens,
        find_robot=orchestrator_services.find_robot,
        find_environment=environment_services.find_environment,
        metrics=metrics,
        clock=clock,
        tracing=tracing,
    )
    retention = Retention(database, ground.artifact_files, clock, kinds=KEPT_KINDS, days=config.log_retention_days)
    background = [
        queue.run,
        fan_out.run,
        Sweep(ground.kernel).run,
        retention.run,
        LoopLag(metrics.registry).run,
        *(one.run_background for one in domains),
        *([] if tracing is None else [tracing.run]),
    ]
    closing = [orchestrator_services.close, comfy_services.close, environment_services.close]
    return Parts(registered, interceptor, metrics, background, ground.kernel, closing)


def lay_ground(
    config: ServerConfig,
    database: Database,
    queue: WorkQueue | NoQueue,
    fan_out: FanOut,
    secret_box: SecretBox,
    clock: Clock,
    hooks: FinalHooks,
) -> Ground:
    """Return what all domains stand on."""
    kernel = Kernel(
        database,
        queue,
        clock,
        hooks,
        claim_hooks=orchestrator.CLAIM_HOOKS,
        lease_seconds=config.lease_seconds,
        fan_out=fan_out,
    )
    return Ground(
        config=config,
        database=database,
        kernel=kernel,
        hub=LogHub(database, kernel.changes),
        fan_out=fan_out,
        artifact_files=ArtifactFiles(config.data_dir, database, clock),
        secret_box=secret_box,
        outbound=OutboundRule(config.outbound_allow, loopback_open=is_loopback(config.host)),
        clock=clock,
    )


def add_own_services(
    ground: Ground, queue: WorkQueue | NoQueue, metrics: ServerMetrics, handlers: grpc.aio.Server, *, start_time: int
) -> None:
    """Register what belongs to no domain: Tasks, the server itself, the console."""
    database, kernel = ground.database, ground.kernel
    workers = WorkerServicer(kernel, database, ground.hub, ground.artifact_files, ground.outbound)
    system = SystemService(database, metrics, queue.reachable, version=VERSION, start_time=start_time)
    add_TaskServiceServicer_to_server(TaskServicer(kernel, database), handlers)
    add_WorkerServiceServicer_to_server(workers, handlers)
    add_SystemServiceServicer_to_server(system, handlers)
    add_ConsoleServiceServicer_to_server(ConsoleService(), handlers)


def build_bots(ground: Ground) -> BotServices:
    """Return the parts of bots."""
    config = ground.config
    return bots.build(
        database=ground.database,
        kernel=ground.kernel,
        hub=ground.hub,
        artifact_files=ground.artifact_files,
        secret_box=ground.secret_box,
        outbound=ground.outbound,
        clock=ground.clock,
        data_dir=config.data_dir,
        log_limits=bots.LogLimits(
            file_megabytes=config.log_file_megabytes,
            retention_days=config.log_retention_days,
            retention_megabytes=config.log_retention_megabytes,
        ),
    )


def build_orchestrator(ground: Ground, queue: WorkQueue | NoQueue) -> OrchestratorServices:
    """Return the parts of the orchestrator."""
    config = ground.config
    return orchestrator.build(
        database=ground.database,
        kernel=ground.kernel,
        hub=ground.hub,
        artifact_files=ground.artifact_files,
        outbound=ground.outbound,
        secret_box=ground.secret_box,
        clock=ground.clock,
        workflow_copies_folder=config.workflows_dir if config.workflow_backup_enabled else None,
        queue_reachable=queue.reachable,
        fan_out=ground.fan_out,
    )


def build_comfy(ground: Ground) -> ComfyServices:
    """Return the parts of ComfyUI sessions."""
    config = ground.config
    return comfy.build(
        database=ground.database,
        kernel=ground.kernel,
        artifact_files=ground.artifact_files,
        secret_box=ground.secret_box,
        outbound=ground.outbound,
        clock=ground.clock,
        limits=comfy.SessionLimits(
            idle_minutes=config.session_idle_minutes,
            wait_seconds=config.session_wait_seconds,
            retention_days=config.log_retention_days,
        ),
        fan_out=ground.fan_out,
    )


def build_environments(ground: Ground, *, start_time: int) -> EnvironmentServices:
    """Return the parts of environments."""
    config = ground.config
    return environments.build(
        database=ground.database,
        kernel=ground.kernel,
        hub=ground.hub,
        secret_box=ground.secret_box,
        clock=ground.clock,
        settings=EnvironmentSettings(
            image=config.environment_image,
            auto_stop_minutes=config.environment_auto_stop_minutes,
            max_run_minutes=config.environment_max_run_minutes,
            reconcile_seconds=config.environment_reconcile_seconds,
            clouds=config.environment_clouds,
            regions=config.environment_regions,
            quota=Amounts(
                environments=config.environment_quota_environments,
                cpu_cores=config.environment_quota_cpu_cores,
                memory_gb=config.environment_quota_memory_gb,
                storage_gb=config.environment_quota_storage_gb,
            ),
            agent_url=config.agent_url,
        ),
        version=VERSION,
        start_time=start_time,
    )


def make_interceptor(
    config: ServerConfig,
    credentials: Credentials,
    services: Sequence[ServiceDescriptor],
    account_services: AccountServices,
    *,
    tokens: Tokens,
    find_robot: FindRobot,
    find_environment: FindEnvironment,
    metrics: ServerMetrics,
    clock: Clock,
    tracing: "Tracing | None",
) -> Interceptor:
    """Return what stands before every method of `services`."""
    gate = Gate(
        api_key=credentials.api_key,
        worker_token=credentials.worker_token,
        dev_mode=config.jwt_dev_mode,
        read_token=tokens.read_access,
        find_token=account_services.known_tokens.find,
        find_robot=RobotTokens(config.robot_tokens, enrolled=find_robot).find,
        find_environment=find_environment,
        robot_auth=config.robot_auth_enabled,
    )
    return Interceptor(
        policies_of(services),
        gate,
        gateway_token=credentials.gateway_token,
        loopback_listener=is_loopback(config.grpc_host),
        session_lasts=account_services.auth.session_lasts,
        metrics=CallMetrics(metrics.registry),
        audit=Audit(account_services.trail, clock),
        tracing=tracing,
    )


def make_tracing(config: ServerConfig) -> "Tracing | None":
    """Return what follows calls, if somebody wants to know; what it needs is loaded only then."""
    if config.otel_exporter_otlp_endpoint is None:
        return None
    from server.rpc.tracing import Tracing

    return Tracing(config.otel_exporter_otlp_endpoint, version=VERSION)


def build_telemetry(
    config: ServerConfig, database: Database, secret_box: SecretBox, clock: Clock, fan_out: FanOut
) -> TelemetryServices:
    """Return the parts of telemetry."""
    return telemetry.build(
        database=database,
        secret_box=secret_box,
        clock=clock,
        health=health_facts(config),
        ttl_seconds=config.session_ttl_seconds,
        limits=Limits(
            days=config.session_retention_days,
            sessions=config.session_retention_count,
            events=config.event_retention_count,
        ),
        fan_out=fan_out,
    )


def health_facts(config: ServerConfig) -> GetHealthResponse:
    """Return what telemetry says of this server to anybody: of the database no more than its own folder and file."""
    file = config.database_file
    return GetHealthResponse(
        database_path="postgresql" if file is None else "/".join(file.parts[-2:]),
        version=VERSION,
        auth_enabled=not config.jwt_dev_mode,
        rate_limiting=config.rate_limit_per_minute > 0,
    )


def make_queue(config: ServerConfig) -> WorkQueue | NoQueue:
    """Return the queue that wakes workers: the one that is set, the embedded one in the data folder, or none."""
    if config.use_memory_queue:
        return NoQueue()
    try:
        return WorkQueue(redis_url(config))
    except QueueUrlInvalid as error:
        raise ConfigInvalid(f"REDIS_URL: {error}") from error


def make_fan_out(config: ServerConfig, secret_box: SecretBox) -> RedisFanOut | Alone:
    """Return what carries messages between servers; there is only one where the database is a file."""
    if config.database_file is not None:
        return Alone(deaf=False)
    if config.use_memory_queue:
        return Alone()
    return RedisFanOut(redis_url(config), secret_box.key_for("messages between servers"))


def redis_url(config: ServerConfig) -> str:
    """Return where Redis is: where it is said to be, else the embedded one in the data folder."""
    return config.redis_url or f"unix://{config.data_dir / 'queue.sock'}"


def make_tokens(config: ServerConfig, credentials: Credentials, clock: Clock) -> Tokens:
    """Return what signs and reads tokens."""
    return Tokens(
        secret_key=credentials.jwt_secret_key,
        algorithm=config.jwt_algorithm,
        access_seconds=config.jwt_access_token_expire_minutes * 60,
        refresh_seconds=config.jwt_refresh_token_expire_days * 86_400,
        clock=clock,
    )


async def build_accounts(
    config: ServerConfig, credentials: Credentials, database: Database, tokens: Tokens, clock: Clock
) -> AccountServices:
    """Return the parts of accounts, and see to it that there is an admin."""
    passwords = Passwords()
    await ensure_admin(
        database,
        passwords,
        username=config.admin_username,
        password=credentials.admin_password,
        given=credentials.admin_password_given,
        clock=clock,
    )
    return accounts.build(
        database=database,
        tokens=tokens,
        passwords=passwords,
        clock=clock,
        dev_mode=config.jwt_dev_mode,
        audit_days=config.audit_retention_days,
    )


def final_hooks(run_sessions: RunSessions) -> FinalHooks:
    """What the kernel calls when a Task of the kind ends; telemetry has a say where there may have been a browser."""
    hooks = {**bots.FINAL_HOOKS, **orchestrator.FINAL_HOOKS, **comfy.FINAL_HOOKS, **environments.FINAL_HOOKS}

    def with_sessions(hook: FinalHook) -> FinalHook:
        def on_final(connection: sa.Connection, run: TaskRow, now: int) -> Sequence[NewTask]:
            return [*hook(connection, run, now), *run_sessions.on_run_final(connection, run, now)]

        return on_final

    return hooks | {kind: with_sessions(hooks[kind]) for kind in (RUN_KIND, *JOB_KINDS)}
