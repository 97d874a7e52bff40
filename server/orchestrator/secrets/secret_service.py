"""SecretService: the secrets of a tenant, without their values. Who sees every tenant says whose are meant."""

from typing import Any, Final, TypeAlias

import grpc
import sqlalchemy as sa

from server.clock import Clock, to_timestamp
from server.database.database import Database
from server.database.text import storable
from server.errors import PermissionDenied
from server.orchestrator.secrets import secret_store
from server.orchestrator.secrets.secret_store import SecretRow
from server.rpc.caller import CALLER
from server.secret_box import SecretBox
from switchyard.orchestrator.v1 import secret_service_pb2 as pb
from switchyard.orchestrator.v1 import secret_service_pb2_grpc as pb_grpc

# What the contract promises for an absent field.
DEFAULT_PAGE_SIZE: Final = 1000

Context = grpc.aio.ServicerContext[Any, Any]
Request: TypeAlias = pb.ListSecretsRequest | pb.PutSecretRequest | pb.DeleteSecretRequest


class SecretService(pb_grpc.SecretServiceServicer):
    """Lists, sets and deletes secrets."""

    def __init__(self, database: Database, secret_box: SecretBox, clock: Clock) -> None:
        self._database = database
        self._secret_box = secret_box
        self._clock = clock

    async def ListSecrets(self, request: pb.ListSecretsRequest, _context: Context) -> pb.ListSecretsResponse:
        """List secrets by name. The page token is the last name of the page before."""
        tenant, size = _tenant(request), request.page_size or DEFAULT_PAGE_SIZE
        rows = await self._database.read(
            lambda connection: secret_store.page(connection, tenant, after=request.page_token, limit=size + 1)
        )
        page = rows[:size]
        return pb.ListSecretsResponse(
            secrets=[_shown(row) for row in page], next_page_token=page[-1].name if len(rows) > size else ""
        )

    async def PutSecret(self, request: pb.PutSecretRequest, _context: Context) -> pb.PutSecretResponse:
        """Set a secret."""
        tenant, by, now = _tenant(request), CALLER.get().name, self._clock()
        sealed = self._secret_box.encrypt(request.value)

        def work(connection: sa.Connection) -> SecretRow:
            return secret_store.put(connection, tenant, request.name, sealed, by=by, now=now)

        return pb.PutSecretResponse(secret=_shown(await self._database.write(work)))

    async def DeleteSecret(self, request: pb.DeleteSecretRequest, _context: Context) -> pb.DeleteSecretResponse:
        """Delete a secret."""
        tenant = _tenant(request)
        await self._database.write(lambda connection: secret_store.delete(connection, tenant, request.name))
        return pb.DeleteSecretResponse()


def _tenant(request: Request) -> str:
    """Return whose secrets are meant, empty for those of no tenant. Raises PermissionDenied beyond the caller's."""
    own = CALLER.get().tenant_id
    tenant = storable(request.tenant_id) if request.HasField("tenant_id") else own or ""
    if own is not None and tenant != own:
        raise PermissionDenied(f"Insufficient permissions. Secrets of tenant {own} only", tenant_id=own)
    return tenant


def _shown(row: SecretRow) -> pb.Secret:
    return pb.Secret(
        name=row.name,
        created_at=to_timestamp(row.create_time),
        updated_at=to_timestamp(row.update_time),
        updated_by=row.updated_by,
    )
