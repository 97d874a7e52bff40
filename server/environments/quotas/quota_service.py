"""QuotaService: what users may have, as the wire says it."""

from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from server.accounts import store as account_store
from server.database.database import Database
from server.database.text import storable
from server.environments import environment_store
from server.environments.quotas import quota_store
from server.environments.whose import whose_of_caller
from server.errors import InvalidArgument, NotFound
from switchyard.environments.v1 import quota_service_pb2 as pb
from switchyard.environments.v1 import quota_service_pb2_grpc as pb_grpc

Context = Any


class QuotaService(pb_grpc.QuotaServiceServicer):
    """Serves quotas; who is no admin sees their own."""

    def __init__(self, database: Database, default: pb.Amounts) -> None:
        """`default`: the quota of who has none of their own."""
        self._database = database
        self._default = default

    async def GetQuota(self, request: pb.GetQuotaRequest, _context: Context) -> pb.GetQuotaResponse:
        """Read the quota of a user, and how much of it is used."""
        whose, user_id = whose_of_caller(), request.user_id
        if whose.user_id not in (None, user_id):
            raise _unknown(user_id)

        def query(connection: sa.Connection) -> pb.GetQuotaResponse:
            if whose.user_id is None:
                _check_tenant(connection, user_id, whose.tenant)
            limit = quota_store.get(connection, user_id)
            return pb.GetQuotaResponse(
                user_id=user_id,
                limit=self._default if limit is None else limit,
                used=environment_store.amounts(connection, replace(whose, user_id=user_id)),
                default=limit is None,
            )

        return await self._database.read(query)

    async def SetQuota(self, request: pb.SetQuotaRequest, _context: Context) -> pb.SetQuotaResponse:
        """Set the quota of a user."""
        tenant, user_id = whose_of_caller().tenant, request.user_id
        if not user_id.strip():
            raise InvalidArgument.field("userId", "must not be blank")

        def work(connection: sa.Connection) -> None:
            _check_tenant(connection, user_id, tenant)
            quota_store.put(connection, user_id, request.limit)

        await self._database.write(work)
        return pb.SetQuotaResponse(user_id=user_id, limit=request.limit)

    async def ResetQuota(self, request: pb.ResetQuotaRequest, _context: Context) -> pb.ResetQuotaResponse:
        """Give a user the quota of the server again."""
        tenant, user_id = whose_of_caller().tenant, request.user_id

        def work(connection: sa.Connection) -> None:
            _check_tenant(connection, user_id, tenant)
            quota_store.delete(connection, user_id)

        await self._database.write(work)
        return pb.ResetQuotaResponse()


def _check_tenant(connection: sa.Connection, user_id: str, tenant: str | None) -> None:
    """Raise NotFound for a user outside of `tenant`; None: there is no outside."""
    if tenant is None:
        return
    user = account_store.get_user(connection, storable(user_id))
    if user is None or user.tenant_id != tenant:
        raise _unknown(user_id)


def _unknown(user_id: str) -> NotFound:
    return NotFound(f"user '{user_id}' not found", user_id=user_id)
