"""Accounts behind the real interceptor, over a real channel and each database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
import pytest
from prometheus_client import CollectorRegistry

from server.accounts import services
from server.accounts.first_admin import ensure_admin
from server.accounts.passwords import Passwords
from server.accounts.services import AccountServices
from server.accounts.tokens import Tokens
from server.database.database import Database, open_database
from server.rpc.access import Gate
from server.rpc.audit import Audit
from server.rpc.interceptor import Interceptor, policies_of
from server.rpc.metrics import CallMetrics
from switchyard.auth.v1 import (
    access_pb2,
    api_token_service_pb2,
    api_token_service_pb2_grpc,
    audit_service_pb2,
    audit_service_pb2_grpc,
    auth_service_pb2,
    auth_service_pb2_grpc,
    user_service_pb2,
    user_service_pb2_grpc,
)
from switchyard.auth.v1.api_token_service_pb2 import CreateApiTokenRequest
from switchyard.auth.v1.audit_service_pb2 import AuditEntry, ListAuditEntriesRequest
from switchyard.auth.v1.auth_service_pb2 import LoginRequest
from switchyard.auth.v1.user_service_pb2 import CreateUserRequest
from tests.integration.database.databases import database_url

SECOND: Final = 1_000_000
PASSWORD: Final = "correct horse"
API_KEY: Final = (("x-api-key", "the-api-key"),)


class Watch:
    """A clock that is set by hand."""

    now = 1_700_000_000 * SECOND

    def __call__(self) -> int:
        return self.now


@dataclass
class Site:
    """A running server, its clock, and stubs to call it."""

    watch: Watch
    database: Database
    passwords: Passwords
    built: AccountServices
    auth: Any
    users: Any
    tokens: Any
    audit: Any

    async def login(self, username: str, password: str = PASSWORD, **more: str) -> Any:
        return await self.auth.Login(LoginRequest(username=username, password=password, **more))

    async def start_again(self, password: str, *, given: bool) -> None:
        await ensure_admin(
            self.database, self.passwords, username="admin", password=password, given=given, clock=self.watch
        )

    async def create(self, username: str, *roles: access_pb2.Role.ValueType, **more: str) -> Any:
        request = CreateUserRequest(username=username, password=PASSWORD, roles=roles, **more)
        return (await self.users.CreateUser(request, metadata=API_KEY)).user

    async def token(self, metadata: Any = API_KEY, **fields: Any) -> Any:
        return await self.tokens.CreateApiToken(CreateApiTokenRequest(name="ci", **fields), metadata=metadata)

    async def entries(self, **filters: Any) -> list[AuditEntry]:
        """The audit log, the oldest entry first."""
        await self.built.denials.flush()
        answer = await self.audit.ListAuditEntries(ListAuditEntriesRequest(**filters), metadata=API_KEY)
        return list(reversed(answer.entries))


def bearer(tokens: Any) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {tokens.access_token}"),)


def secret_of(made: Any) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {made.secret}"),)


async def refused(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await call
    return refusal.value.code(), refusal.value.details() or ""


@asynccontextmanager
async def serving(dialect: str, folder: Path) -> AsyncIterator[Site]:
    watch, passwords = Watch(), Passwords()
    database = await open_database(database_url(dialect, folder))
    tokens = Tokens(
        secret_key="s" * 64, algorithm="HS256", access_seconds=3600, refresh_seconds=7 * 86_400, clock=watch
    )
    built = services.build(
        database=database, tokens=tokens, passwords=passwords, clock=watch, dev_mode=False, audit_days=365
    )
    modules = (auth_service_pb2, user_service_pb2, api_token_service_pb2, audit_service_pb2)
    interceptor = Interceptor(
        policies_of([service for module in modules for service in module.DESCRIPTOR.services_by_name.values()]),
        Gate(
            api_key="the-api-key",
            worker_token="w",
            dev_mode=False,
            read_token=tokens.read_access,
            find_token=built.known_tokens.find,
        ),
        gateway_token="g",
        loopback_listener=True,
        session_lasts=built.auth.session_lasts,
        metrics=CallMetrics(CollectorRegistry()),
        audit=Audit(built.trail, watch),
    )
    server = grpc.aio.server(interceptors=[interceptor])
    built.add_to_server(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        site = Site(
            watch,
            database,
            passwords,
            built,
            auth_service_pb2_grpc.AuthServiceStub(channel),
            user_service_pb2_grpc.UserServiceStub(channel),
            api_token_service_pb2_grpc.ApiTokenServiceStub(channel),
            audit_service_pb2_grpc.AuditServiceStub(channel),
        )
        await site.start_again(PASSWORD, given=False)
        yield site
    await server.stop(None)
    await database.close()
