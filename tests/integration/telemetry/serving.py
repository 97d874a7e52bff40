"""Telemetry over a real database, over a real gRPC channel and over HTTP through a gateway in the same process."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import grpc
import httpx
import pytest
from cryptography.fernet import Fernet
from prometheus_client import CollectorRegistry

from gateway.app import Gateway, GatewayOptions
from gateway.backend.in_process import InProcessBackend
from server.clock import now_micros
from server.database.database import Database, open_database
from server.errors import CredentialInvalid
from server.rpc.access import Gate
from server.rpc.caller import Caller
from server.rpc.handlers import Handlers
from server.rpc.interceptor import Interceptor, policies_of
from server.rpc.metrics import CallMetrics
from server.secret_box import SecretBox
from server.telemetry import services
from server.telemetry.services import TelemetryServices
from server.telemetry.sessions.retention import Limits
from switchyard.auth.v1 import access_pb2
from switchyard.errors.v1 import error_reason_pb2
from switchyard.telemetry.v1 import (
    event_service_pb2_grpc,
    live_service_pb2_grpc,
    proxy_service_pb2_grpc,
    session_service_pb2,
    session_service_pb2_grpc,
    statistics_service_pb2_grpc,
)
from switchyard.telemetry.v1.statistics_service_pb2 import GetHealthResponse
from tests.integration.database.databases import USUAL_DIALECT, database_url

TTL_SECONDS = 3600
API_KEY = (("x-api-key", "api-key"),)
WORKER = (("x-api-token", "worker-token"),)


def bearer(tenant: str) -> tuple[tuple[str, str], ...]:
    """Return the credential of a caller that belongs to `tenant`."""
    return (("authorization", f"Bearer {tenant}"),)


def role_token(role: access_pb2.Role.ValueType) -> tuple[tuple[str, str], ...]:
    """Return the credential of a caller of that role who belongs to no tenant."""
    return (("authorization", f"Bearer {access_pb2.Role.Name(role)}"),)


@dataclass
class TurnableClock:
    """The time of the machine, moved on by `ahead` micros; once `stopped_at` is set, that and nothing else."""

    ahead: int = 0
    stopped_at: int | None = None

    def __call__(self) -> int:
        return (now_micros() if self.stopped_at is None else self.stopped_at) + self.ahead


@dataclass
class Telemetry:
    """A running server, its stubs with the API key, and a client of its HTTP side that has it too."""

    data_dir: Path
    database: Database
    services: TelemetryServices
    clock: TurnableClock
    channel: grpc.aio.Channel
    gateway: Gateway
    http: httpx.AsyncClient
    sessions: "session_service_pb2_grpc.SessionServiceAsyncStub" = field(init=False)
    events: "event_service_pb2_grpc.EventServiceAsyncStub" = field(init=False)
    proxies: "proxy_service_pb2_grpc.ProxyServiceAsyncStub" = field(init=False)
    live: "live_service_pb2_grpc.LiveServiceAsyncStub" = field(init=False)
    statistics: "statistics_service_pb2_grpc.StatisticsServiceAsyncStub" = field(init=False)

    def __post_init__(self) -> None:
        self.sessions = session_service_pb2_grpc.SessionServiceStub(self.channel)
        self.events = event_service_pb2_grpc.EventServiceStub(self.channel)
        self.proxies = proxy_service_pb2_grpc.ProxyServiceStub(self.channel)
        self.live = live_service_pb2_grpc.LiveServiceStub(self.channel)
        self.statistics = statistics_service_pb2_grpc.StatisticsServiceStub(self.channel)

    async def register(self, session_id: str = "s1", **fields: Any) -> session_service_pb2.RegisterSessionResponse:
        """Register a session of the profile "p1" unless `fields` say otherwise."""
        request = session_service_pb2.RegisterSessionRequest(session_id=session_id, **{"profile_id": "p1"} | fields)
        return await self.sessions.RegisterSession(request, metadata=API_KEY)

    async def end(
        self, session_id: str = "s1", *, success: bool = True, **fields: Any
    ) -> session_service_pb2.EndSessionResponse:
        """End a session."""
        request = session_service_pb2.EndSessionRequest(session_id=session_id, success=success, **fields)
        return await self.sessions.EndSession(request, metadata=API_KEY)

    async def get(self, session_id: str = "s1", **fields: Any) -> session_service_pb2.GetSessionResponse:
        """Read a session."""
        request = session_service_pb2.GetSessionRequest(session_id=session_id, **fields)
        return await self.sessions.GetSession(request, metadata=API_KEY)

    async def list(self, **fields: Any) -> session_service_pb2.ListSessionsResponse:
        """List sessions."""
        request = session_service_pb2.ListSessionsRequest(**fields)
        return await self.sessions.ListSessions(request, metadata=API_KEY)


async def refused(call: Awaitable[object]) -> tuple[grpc.StatusCode, str]:
    """Await a call that has to be refused, and return its code and sentence."""
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await call
    return refusal.value.code(), refusal.value.details() or ""


@asynccontextmanager
async def serving(data_dir: Path, *, dialect: str = USUAL_DIALECT) -> AsyncIterator[Telemetry]:
    """Serve telemetry over the database of `data_dir`, which is empty at first."""
    data_dir.mkdir(exist_ok=True)
    clock = TurnableClock()
    database = await open_database(database_url(dialect, data_dir))
    built = services.build(
        database=database,
        secret_box=SecretBox(Fernet.generate_key()),
        clock=clock,
        health=GetHealthResponse(database_path="data/switchyard.db", version="1.2.3", auth_enabled=True),
        ttl_seconds=TTL_SECONDS,
        limits=Limits(),
    )
    handlers = Handlers()
    built.add_to_server(cast("grpc.aio.Server", handlers))
    interceptor = _interceptor(handlers)
    server = grpc.aio.server(interceptors=[interceptor])
    handlers.serve_on(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    background = asyncio.create_task(built.run_background())
    gateway = _gateway(handlers, interceptor)
    http = httpx.AsyncClient(
        transport=httpx.ASGITransport(gateway, client=("127.0.0.1", 1)),
        base_url="http://127.0.0.1:8000",
        headers=dict(API_KEY),
    )
    async with http, grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Telemetry(data_dir, database, built, clock, channel, gateway, http)
    await server.stop(0)
    await gateway.close()
    background.cancel()
    await asyncio.gather(background, return_exceptions=True)
    await database.close()


def _gateway(handlers: Handlers, interceptor: Interceptor) -> Gateway:
    backend = InProcessBackend(handlers.generic, [interceptor])
    reasons = (error_reason_pb2.ErrorReason.DESCRIPTOR,)
    options = GatewayOptions(listener_is_loopback=True, token="gateway-token", error_reasons=reasons)
    return Gateway(handlers.services(), backend, options)


def _interceptor(handlers: Handlers) -> Interceptor:
    async def session_lasts(_: str) -> bool:
        return True

    gate = Gate(api_key="api-key", worker_token="worker-token", dev_mode=False, read_token=_caller_of)
    return Interceptor(
        policies_of(handlers.services()),
        gate,
        gateway_token="gateway-token",
        loopback_listener=True,
        session_lasts=session_lasts,
        metrics=CallMetrics(CollectorRegistry()),
    )


def _caller_of(token: str, address: str) -> Caller:
    """Read a token that is the name of a tenant, or of a role."""
    if not token:
        raise CredentialInvalid("Invalid authentication token")
    if token in access_pb2.Role.keys():  # noqa: SIM118 - an enum of the contract is no mapping
        return Caller(name=token, role=access_pb2.Role.Value(token), address=address)
    return Caller(name=token, role=access_pb2.ROLE_DEVELOPER, tenant_id=token, address=address)
