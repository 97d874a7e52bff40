"""The process of a server: opens its database and its listeners, runs its parts, and ends them in order.

Everything runs in one process and one event loop: gRPC, and the gateway in front of the same servicers.
"""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

import grpc
import structlog
import uvloop
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import disable_created_metrics

from gateway.app import Gateway, GatewayOptions
from gateway.backend.in_process import InProcessBackend
from gateway.contract.options import service_options
from gateway.serving.http_connection import HttpConnection
from gateway.serving.socket_connection import SocketConnection
from gateway_options.v1 import options_pb2
from server.clock import now_micros
from server.config import ConfigInvalid, ServerConfig, is_loopback
from server.configured_database import open_configured_database
from server.credentials import Credentials, load_credentials
from server.data_folder import alone_in, make_data_folder, refuse_half_restored
from server.listening import GRACE_SECONDS, HttpListener, authority, bind, bind_grpc
from server.log_lines import configure_logging, request_writer
from server.parts import VERSION, WELL_KNOWN_SERVICES, Parts, build
from server.rpc.access import credential_needed, rule_of, who_may_call
from server.rpc.open_streams import OpenStreams
from server.system.metrics import ServerMetrics
from switchyard.errors.v1 import error_reason_pb2

log: Final = structlog.get_logger()

# Sent: a workflow of 50 MiB, the largest there is, goes to its robot in one message. Received: files come in pieces of
# at most 1 MiB, JSON bodies have at most 10 MiB.
LARGEST_SENT_BYTES: Final = 64 * 1024 * 1024
LARGEST_RECEIVED_BYTES: Final = 16 * 1024 * 1024
GRPC_OPTIONS: Final = (
    ("grpc.max_receive_message_length", LARGEST_RECEIVED_BYTES),
    ("grpc.max_send_message_length", LARGEST_SENT_BYTES),
    # A second server on the same port is a mistake, not a helper.
    ("grpc.so_reuseport", 0),
    # Workers keep one connection open and ask every 20 s whether it still is.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
)
# So long other servers have to take over what gateways and workers ask: these watch the health, and turn away at once.
TURN_AWAY_SECONDS: Final = 0.25
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
    refuse_half_restored(config.data_dir)
    with nullcontext() if config.database_file is None else alone_in(config.data_dir):
        credentials = load_credentials(config)
        tell_credentials(credentials)
        database = await open_configured_database(config, migrate=config.migrate_at_start)
        try:
            parts = await build(config, credentials, database, start_time=start_time)
            await run(config, credentials, parts)
        finally:
            await database.close()
    log.info("server stopped")


def tell_credentials(credentials: Credentials) -> None:
    """Say once where the secrets are, and when somebody else could have read them."""
    if credentials.created:
        log.info("secrets were generated; keep this file", path=str(credentials.path))
    if credentials.tightened:
        log.warning("others could read the secrets; the file is closed now", path=str(credentials.path))


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
            spare_garbage_collection()
            tell_listening(config, listeners, grpc_port)
            await stop.wait()
            log.info("server is stopping")
            await healthy.enter_graceful_shutdown()
            if config.database_file is None:
                await asyncio.sleep(TURN_AWAY_SECONDS)
            for gateway in gateways:
                gateway.app.close_streams()
            for listener in listeners:
                listener.stop()
            streams.close()
            for close in parts.closing:
                close()
            await asyncio.gather(server.stop(GRACE_SECONDS), *serving)
            for gateway in gateways:
                await gateway.app.close()
            for task in background:
                task.cancel()


def spare_garbage_collection() -> None:
    """Look for garbage in what comes from now on, and never in what the start has made: it stays to the end.

    The end itself is the faster for it, by as much as a quarter of a start.
    """
    gc.freeze()
    gc.enable()


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
    named = {name for one in services for name in service_options(one).listeners}
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
        version=VERSION,
        # All services of the other listener have one shape, which is theirs.
        default_error_shape=options_pb2.ServiceOptions.ERROR_SHAPE_DETAIL if listener == "main" else None,
        comments=(files("switchyard") / "contract.binpb").read_bytes(),
        error_reasons=(error_reason_pb2.ErrorReason.DESCRIPTOR,),
        rate_limits=rate_limits(config),
        rate_limit_storage=rate_limit_storage(config.redis_url),
        observe=metrics.observe_request,
        record=request_writer(sys.stderr) if config.access_log else None,
    )


def rate_limits(config: ServerConfig) -> Mapping[str, options_pb2.RateLimit | None]:
    """Return the limits that differ from the contract's, by name; None where nothing is counted."""
    per_minute = config.rate_limit_per_minute
    telemetry_limit = options_pb2.RateLimit(requests=per_minute, window_seconds=60) if per_minute else None
    return {"telemetry": telemetry_limit} | ({} if config.metrics_rate_limit_enabled else {"metrics": None})


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
