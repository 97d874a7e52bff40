"""Puts the parts of this package together: the servicers, what knows their credentials, and what runs beside them."""

import asyncio
from dataclasses import dataclass

import grpc

from server.accounts.api_tokens.api_token_service import ApiTokenService
from server.accounts.api_tokens.known_tokens import KnownTokens
from server.accounts.audit.audit_service import AuditService
from server.accounts.audit.denials import Denials
from server.accounts.audit.retention import AuditRetention
from server.accounts.audit.trail import AuditTrail
from server.accounts.auth_service import AuthService
from server.accounts.passwords import Passwords
from server.accounts.tokens import Tokens
from server.accounts.user_service import UserService
from server.clock import Clock
from server.database.database import Database
from switchyard.auth.v1 import (
    api_token_service_pb2_grpc,
    audit_service_pb2_grpc,
    auth_service_pb2_grpc,
    user_service_pb2_grpc,
)


@dataclass(frozen=True, slots=True)
class AccountServices:
    """The servicers of this package and what runs beside them."""

    auth: AuthService
    users: UserService
    api_tokens: ApiTokenService
    audit_log: AuditService
    known_tokens: KnownTokens
    trail: AuditTrail
    denials: Denials
    retention: AuditRetention

    def add_to_server(self, server: grpc.aio.Server) -> None:
        """Register every servicer."""
        auth_service_pb2_grpc.add_AuthServiceServicer_to_server(self.auth, server)
        user_service_pb2_grpc.add_UserServiceServicer_to_server(self.users, server)
        api_token_service_pb2_grpc.add_ApiTokenServiceServicer_to_server(self.api_tokens, server)
        audit_service_pb2_grpc.add_AuditServiceServicer_to_server(self.audit_log, server)

    async def run_background(self) -> None:
        """Do what has to be done all the time, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for work in (self.known_tokens.run, self.denials.run, self.retention.run):
                group.create_task(work())


def build(
    *,
    database: Database,
    tokens: Tokens,
    passwords: Passwords,
    clock: Clock,
    dev_mode: bool,
    audit_days: int,
) -> AccountServices:
    """Return the parts of this package. Entries of the audit log are kept for `audit_days`; 0 keeps them for ever."""
    denials = Denials(database, clock)
    return AccountServices(
        auth=AuthService(database, tokens, passwords, clock=clock, dev_mode=dev_mode),
        users=UserService(database, passwords, clock=clock),
        api_tokens=ApiTokenService(database, clock=clock),
        audit_log=AuditService(database),
        known_tokens=KnownTokens(database, clock),
        trail=AuditTrail(denials),
        denials=denials,
        retention=AuditRetention(database, clock, days=audit_days),
    )
