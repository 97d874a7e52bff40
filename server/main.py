"""The composition root: makes every part of a server, hands each what it needs, and ends them in order.

Everything runs in one process and one event loop: gRPC, and the gateway in front of the same servicers.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, cast

import grpc
import sqlalchemy as sa
import structlog
import uvloop
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2
from prometheus_client import disable_created_metrics

from gateway.app import Gateway, GatewayOptions
from gateway.backend.in_process import InProcessBackend
from gateway.serving.http_connection import HttpConnection
from gateway.serving.socket_connection import SocketConnection
from gateway_options.v1 import options_pb2
from server.accounts.auth_service import AuthService
from server.accounts.first_admin import ensure_admin
from server.accounts.passwords import Passwords
from server.accounts.tokens import Tokens
from server.accounts.user_service import UserService
from server.bots import services as bots
from server.bots.instance_store import RUN_KIND
from server.clock import now_micros
from server.config import ConfigInvalid, ServerConfig, is_loopback
from server.credentials import Credentials, load_credentials
from server.data_folder import alone_in, make_data_folder
from server.database.database import Database, DatabaseUrlInvalid, open_database
from server.database.schema import SchemaTooNew
from server.listening import GRACE_SECONDS, HttpListener, authority, bind, bind_grpc
from server.log_lines import configure_logging, request_writer
from server.outbound import OutboundRule
from server.rpc.access import Gate, credential_needed, rule_of, who_may_call
from server.rpc.handlers import Handlers
from server.rpc.interceptor import Interceptor, policies_of
from server.rpc.metrics import CallMetrics
from server.rpc.open_streams import OpenStreams
from server.secret_box import SecretBox, open_secret_box
from server.system.metrics import ServerMetrics
from server.system.service import SystemService
from server.tasks.artifacts import ArtifactFiles
from server.tasks.kernel import Kernel
from server.tasks.log_hub import LogHub
from server.tasks.queue import QueueUrlInvalid, WorkQueue
from server.tasks.service import TaskServicer
from server.tasks.sweep import Sweep
from server.tasks.task import NewTask, TaskRow
from server.tasks.worker_service import WorkerServicer
from server.telemetry import services as telemetry
from server.telemetry.services import TelemetryServices
from server.telemetry.sessions import run_sessions
from server.telemetry.sessions.retention import Limits
from switchyard.auth.v1.auth_service_pb2_grpc import add_AuthServiceServicer_to_server
from switchyard.auth.v1.user_service_pb2_grpc import add_UserServiceServicer_to_server
from switchyard.errors.v1 import error_reason_pb2
from switchyard.system.v1.system_service_pb2_grpc import add_SystemServiceServicer_to_server
from switchyard.tasks.v1.task_service_pb2_grpc import add_TaskServiceServicer_to_server
from switchyard.tasks.v1.worker_service_pb2_grpc import add_WorkerServiceServicer_to_server
from switchyard.telemetry.v1.statistics_service_pb2 import GetHealthResponse

log: Final = structlog.get_logger()

# Larger messages do not exist: files travel in pieces of at most 1 MiB, JSON bodies have at most 10 MiB.
LARGEST_MESSAGE_BYTES: Final = 16 * 1024 * 1024
GRPC_OPTIONS: Final = (
    ("grpc.max_receive_message_length", LARGEST_MESSAGE_BYTES),
    ("grpc.max_send_message_length", LARGEST_MESSAGE_BYTES),
    # A second server on the same port is a mistake, not a helper.
    ("grpc.so_reuseport", 0),
    # Workers keep one connection open and ask every 20 s whether it still is.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
)
WHO_MAY_READ_PAGES: Final = "/switchyard.system.v1.SystemService/GetServerInfo"


def main() -> int:
    """Run a server as the environment says until it is told to stop; return the exit code."""
    configure_logging(sys.stderr)
    # Everything a server writes is nobody else's business, in a data folder that others may look into as well.
    os.umask(0o077)
    # Else each counter has a second series, which nobody reads.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    try:
        config = ServerConfig.from_environment(os.environ)
        uvloop.run(serve(config))
    except ConfigInvalid as refusal:
        print(f"switchyard server: {refusal}", file=sys.stderr)  # noqa: T201 - the one line an operator looks for
        return 2
    return 0


async def serve(config: ServerConfig) -> None:
    """Run a server until SIGTERM or SIGINT, then let what is being answered end and stop.

    Raises:
        ConfigInvalid: the settings do not fit this machine: a port is taken, a folder is not writable.
    """
    start_time = now_micros()
    make_data_folder(config.data_dir)
    embedded = config.database_url.startswith("sqlite:")
    with alone_in(config.data_dir) if embedded else nullcontext():
        credentials = load_credentials(config)
        tell_credentials(credentials)
        database = await open_configured_database(config)
        try:
            parts = await build(config, credentials, database, start_time=start_time)
            await run(config, credentials, parts)
        finally:
            await database.close()
    log.info("server stopped")


async def open_configured_database(config: ServerConfig) -> Database:
    """Open the database, or say in one line why it cannot be opened."""
    try:
        return await open_database(config.database_url)
    except (DatabaseUrlInvalid, SchemaTooNew) as error:
        raise ConfigInvalid(f"DATABASE_URL: {error}") from error
    except (OSError, sa.exc.DBAPIError) as error:
        reason = str(getattr(error, "orig", error)).partition("\n")[0]
        raise ConfigInvalid(f"DATABASE_URL: the database cannot be opened: {reason}") from error


def tell_credentials(credentials: Credentials) -> None:
    """Say once where the secrets are, and when somebody else could have read them."""
    if credentials.created:
        log.info("secrets were generated; keep this file", path=str(credentials.path))
    if credentials.tightened:
        log.warning("others could read the secrets; the file is closed now", path=str(credentials.path))


@dataclass(frozen=True, slots=True)
class Parts:
    """What `run` keeps alive: the servicers, what stands before them, and what works by itself in the background."""

    handlers: Handlers
    interceptor: Interceptor
    metrics: ServerMetrics
    background: Sequence[Callable[[], Coroutine[Any, Any, None]]]


async def build(config: ServerConfig, credentials: Credentials, database: Database, *, start_time: int) -> Parts:
    """Make every part of the server."""
    metrics, registered = ServerMetrics(), Handlers()
    # What generated code asks of a server is what `Handlers` has.
    handlers = cast("grpc.aio.Server", registered)
    queue = make_queue(config)
    outbound = OutboundRule(config.outbound_allow, loopback_open=is_loopback(config.host))
    kernel = Kernel(database, queue, now_micros, FINAL_HOOKS, lease_seconds=config.lease_seconds)
    hub = LogHub(database, kernel.changes)
    artifact_files = ArtifactFiles(config.data_dir, database, now_micros)
    add_TaskServiceServicer_to_server(TaskServicer(kernel, database), handlers)
    add_WorkerServiceServicer_to_server(WorkerServicer(kernel, database, hub, artifact_files, outbound), handlers)

    secret_box = open_secret_box(config.data_dir)
    bot_services = bots.build(
        database=database,
        kernel=kernel,
        hub=hub,
        artifact_files=artifact_files,
        secret_box=secret_box,
        outbound=outbound,
        clock=now_micros,
        data_dir=config.data_dir,
        log_limits=bots.LogLimits(
            file_megabytes=config.log_file_megabytes,
            retention_days=config.log_retention_days,
            retention_megabytes=config.log_retention_megabytes,
        ),
    )
    bot_services.add_to_server(handlers)
    telemetry_services = build_telemetry(config, database, secret_box)
    telemetry_services.add_to_server(handlers)

    tokens = make_tokens(config, credentials)
    auth = await build_accounts(config, credentials, database, tokens, handlers)
    system = SystemService(database, metrics, queue.reachable, version=version("switchyard"), start_time=start_time)
    add_SystemServiceServicer_to_server(system, handlers)

    gate = Gate(
        api_key=credentials.api_key,
        worker_token=credentials.worker_token,
        dev_mode=config.jwt_dev_mode,
        read_token=tokens.read_access,
    )
    interceptor = Interceptor(
        policies_of([*registered.services(), *WELL_KNOWN_SERVICES]),
        gate,
        gateway_token=credentials.gateway_token,
        loopback_listener=is_loopback(config.grpc_host),
        session_lasts=auth.session_lasts,
        metrics=CallMetrics(metrics.registry),
    )
    background = [queue.run, Sweep(kernel).run, bot_services.run_background, telemetry_services.run_background]
    return Parts(registered, interceptor, metrics, background)


def build_telemetry(config: ServerConfig, database: Database, secret_box: SecretBox) -> TelemetryServices:
    """Return the parts of telemetry."""
    return telemetry.build(
        database=database,
        secret_box=secret_box,
        clock=now_micros,
        health=health_facts(config),
        ttl_seconds=config.session_ttl_seconds,
        limits=Limits(
            days=config.session_retention_days,
            sessions=config.session_retention_count,
            events=config.event_retention_count,
        ),
    )


def health_facts(config: ServerConfig) -> GetHealthResponse:
    """Return what telemetry says of this server to anybody: of the database no more than its own folder and file."""
    path = Path(config.database_url.removeprefix("sqlite:///"))
    return GetHealthResponse(
        database_path="/".join(path.parts[-2:]) if config.database_url.startswith("sqlite:") else "postgresql",
        version=version("switchyard"),
        auth_enabled=not config.jwt_dev_mode,
        rate_limiting=config.rate_limit_per_minute > 0,
    )


def make_queue(config: ServerConfig) -> WorkQueue:
    """Return the queue that wakes workers: the one that is set, or the embedded one in the data folder."""
    try:
        return WorkQueue(config.redis_url or f"unix://{config.data_dir / 'queue.sock'}")
    except QueueUrlInvalid as error:
        raise ConfigInvalid(f"REDIS_URL: {error}") from error


def make_tokens(config: ServerConfig, credentials: Credentials) -> Tokens:
    """Return what signs and reads tokens."""
    return Tokens(
        secret_key=credentials.jwt_secret_key,
        algorithm=config.jwt_algorithm,
        access_seconds=config.jwt_access_token_expire_minutes * 60,
        refresh_seconds=config.jwt_refresh_token_expire_days * 86_400,
        clock=now_micros,
    )


async def build_accounts(
    config: ServerConfig, credentials: Credentials, database: Database, tokens: Tokens, handlers: grpc.aio.Server
) -> AuthService:
    """Register the servicers of accounts, and see to it that there is an admin."""
    passwords = Passwords()
    await ensure_admin(
        database,
        passwords,
        username=config.admin_username,
        password=credentials.admin_password,
        given=credentials.admin_password_given,
        clock=now_micros,
    )
    auth = AuthService(database, tokens, passwords, clock=now_micros, dev_mode=config.jwt_dev_mode)
    add_AuthServiceServicer_to_server(auth, handlers)
    add_UserServiceServicer_to_server(UserService(database, passwords, clock=now_micros), handlers)
    return auth


def on_run_final(connection: sa.Connection, run: TaskRow, now: int) -> Sequence[NewTask]:
    """What every domain adds to the end of a Run."""
    return [*bots.FINAL_HOOKS[RUN_KIND](connection, run, now), *run_sessions.on_run_final(connection, run, now)]


# The kernel calls these when a Task of the kind ends.
FINAL_HOOKS: Final = {**bots.FINAL_HOOKS, RUN_KIND: on_run_final}
WELL_KNOWN_SERVICES: Final = (
    health_pb2.DESCRIPTOR.services_by_name["Health"],
    reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"],
)


async def run(config: ServerConfig, credentials: Credentials, parts: Parts) -> None:
    """Listen, serve until told to stop, and end what is open in order."""
    stop = stop_signal()
    streams = OpenStreams()
    healthy: Any = health.aio.HealthServicer()  # type: ignore[attr-defined]  # the stubs know only the other one
    server = grpc.aio.server(interceptors=[streams, parts.interceptor], options=GRPC_OPTIONS)
    parts.handlers.serve_on(server)
    await serve_well_known(server, healthy, [service.full_name for service in parts.handlers.services()])
    gateways = make_gateways(config, credentials, parts)
    with ExitStack() as sockets:
        listeners = [
            HttpListener(
                gateway.app,
                sockets.enter_context(bind(gateway.variable, config.host, gateway.port)),
                HttpConnection,
                SocketConnection,
            )
            for gateway in gateways
        ]
        grpc_port = bind_grpc(server, config.grpc_host, config.grpc_port)
        async with asyncio.TaskGroup() as group:
            background = [group.create_task(work()) for work in parts.background]
            await server.start()
            serving = [group.create_task(listener.run_until_stopped()) for listener in listeners]
            tell_listening(config, listeners, grpc_port)
            await stop.wait()
            log.info("server is stopping")
            await healthy.enter_graceful_shutdown()
            for gateway in gateways:
                gateway.app.close_streams()
            for listener in listeners:
                listener.stop()
            streams.close()
            await asyncio.gather(server.stop(GRACE_SECONDS), *serving)
            for gateway in gateways:
                await gateway.app.close()
            for task in background:
                task.cancel()


def stop_signal() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set. A second signal ends the process at once, as it always does."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop_once() -> None:
        stop.set()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop_once)
    return stop


async def serve_well_known(server: grpc.aio.Server, healthy: Any, names: Sequence[str]) -> None:
    """Serve gRPC's own services: health of each service in `names`, and reflection."""
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    for name in names:
        await healthy.set(name, health_pb2.HealthCheckResponse.SERVING)
    reflection.enable_server_reflection([*names, *(service.full_name for service in WELL_KNOWN_SERVICES)], server)


@dataclass(frozen=True, slots=True)
class Front:
    """A gateway, the number of its port, and the variable that sets it."""

    app: Gateway
    variable: str
    port: int


def make_gateways(config: ServerConfig, credentials: Credentials, parts: Parts) -> list[Front]:
    """Return a gateway for each listener that some service names."""
    services = parts.handlers.services()
    backend = InProcessBackend(parts.handlers.generic, [parts.interceptor])
    named = {name for one in services for name in one.GetOptions().Extensions[options_pb2.service].listeners}
    fronts = []
    for listener, variable, port in (("main", "PORT", config.port), ("agent", "AGENT_PORT", config.agent_port)):
        if listener == "main" or listener in named:
            options = gateway_options(listener, config, credentials, parts.metrics)
            fronts.append(Front(Gateway(services, backend, options), variable, port))
    return fronts


def gateway_options(
    listener: str, config: ServerConfig, credentials: Credentials, metrics: ServerMetrics
) -> GatewayOptions:
    """Return what a gateway in this process is told."""
    reachable = not is_loopback(config.host)
    return GatewayOptions(
        listener=listener,
        listener_is_loopback=not reachable,
        allowed_origins=config.cors_allowed_origins,
        trusted_proxies=tuple(str(network) for network in config.trusted_proxies),
        token=credentials.gateway_token,
        pages_guard=WHO_MAY_READ_PAGES,
        credential_needed=lambda method: credential_needed(rule_of(method), reachable=reachable),
        who_may_call=lambda method: who_may_call(rule_of(method), reachable=reachable),
        title="Switchyard",
        version=version("switchyard"),
        default_error_shape=options_pb2.ServiceOptions.ERROR_SHAPE_DETAIL,
        comments=(files("switchyard") / "contract.binpb").read_bytes(),
        error_reasons=(error_reason_pb2.ErrorReason.DESCRIPTOR,),
        rate_limits={"telemetry": telemetry_limit(config.rate_limit_per_minute)},
        rate_limit_storage=rate_limit_storage(config.redis_url),
        observe=metrics.observe_request,
        record=request_writer(sys.stderr) if config.access_log else None,
    )


def telemetry_limit(per_minute: int) -> options_pb2.RateLimit | None:
    """Return the limit of requests to each method of telemetry; None where nothing is counted."""
    return options_pb2.RateLimit(requests=per_minute, window_seconds=60) if per_minute else None


def rate_limit_storage(redis_url: str | None) -> str:
    """Return where requests are counted: with other servers in the Redis that they share, else in this process.

    A Redis on a socket of this machine is the one that comes along, and then there is no other server.
    """
    return redis_url if redis_url and redis_url.startswith(("redis://", "rediss://")) else "memory://"


def tell_listening(config: ServerConfig, listeners: Sequence[HttpListener], grpc_port: int) -> None:
    """Say where the server listens: in the log, and in one line on stdout for whoever started it."""
    http = [f"http://{authority(config.host, listener.port)}" for listener in listeners]
    grpc_address = authority(config.grpc_host, grpc_port)
    log.info("server is listening", http=http, grpc=grpc_address)
    print(f"switchyard server: http {' '.join(http)} grpc {grpc_address}", flush=True)  # noqa: T201
