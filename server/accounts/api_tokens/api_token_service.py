"""ApiTokenService: make, list and end tokens for programs."""

import base64
import re
import secrets
import uuid
from collections.abc import Iterable
from typing import Any, Final

import sqlalchemy as sa

from server.accounts.api_tokens import api_token_store
from server.accounts.api_tokens.api_token_store import ApiTokenRow, Visible
from server.accounts.api_tokens.known_tokens import digest_of
from server.accounts.api_tokens.limits import Rights, check_grant
from server.clock import SECOND, Clock, to_timestamp
from server.database.database import Database
from server.database.text import storable
from server.errors import AlreadyExists, InvalidArgument, NotFound
from server.rpc import idempotency
from server.rpc.access import API_TOKEN_PREFIX
from server.rpc.caller import CALLER, Caller
from server.rpc.idempotency import IdempotencyKey
from server.rpc.scopes import READ, packages
from switchyard.auth.v1 import access_pb2
from switchyard.auth.v1 import api_token_service_pb2 as pb
from switchyard.auth.v1 import api_token_service_pb2_grpc as pb_grpc

Context = Any

SECRET_BYTES: Final = 32
DAY: Final = 86_400 * SECOND
DEFAULT_DAYS: Final = 90
DEFAULT_PAGE: Final = 100
LARGEST_PAGE: Final = 1000
_PAGE_TOKEN: Final = re.compile(r"[1-9][0-9]{0,17}", re.ASCII).fullmatch


class ApiTokenService(pb_grpc.ApiTokenServiceServicer):
    """Makes, lists and ends tokens."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def CreateApiToken(self, request: pb.CreateApiTokenRequest, _context: Context) -> pb.CreateApiTokenResponse:
        """Make a token and show its secret, once."""
        now = self._clock()
        token = _new_token(request, CALLER.get(), now=now)
        secret = API_TOKEN_PREFIX + base64.urlsafe_b64encode(secrets.token_bytes(SECRET_BYTES)).decode().rstrip("=")
        key = IdempotencyKey.of_call(request.request_id, "CreateApiToken")
        told = pb.CreateApiTokenResponse(token=to_message(token))

        def work(connection: sa.Connection) -> None:
            earlier = idempotency.remember(connection, key, request, now=now)
            if earlier is not None:
                token_id = pb.CreateApiTokenResponse.FromString(earlier).token.token_id
                raise AlreadyExists(
                    f"This request has made the token {token_id} before; its secret was shown then", token_id=token_id
                )
            api_token_store.insert(connection, token, digest_of(secret))
            idempotency.store_answer(connection, key, told)

        await self._database.write(work)
        return pb.CreateApiTokenResponse(token=told.token, secret=secret)

    async def ListApiTokens(self, request: pb.ListApiTokensRequest, _context: Context) -> pb.ListApiTokensResponse:
        """List tokens, the newest first. The page token is the number of the last one of the page before."""
        if request.page_token and not _PAGE_TOKEN(request.page_token):
            raise InvalidArgument.field("page_token", "must be the next_page_token of an earlier page")
        before = int(request.page_token) if request.page_token else None
        size = min(request.page_size or DEFAULT_PAGE, LARGEST_PAGE)
        visible = _visible(CALLER.get())
        found = await self._database.read(
            lambda connection: api_token_store.list_tokens(connection, visible, before=before, limit=size + 1)
        )
        page = found[:size]
        return pb.ListApiTokensResponse(
            tokens=[to_message(token) for token in page],
            next_page_token=str(page[-1].number) if len(found) > size else "",
        )

    async def RevokeApiToken(self, request: pb.RevokeApiTokenRequest, _context: Context) -> pb.RevokeApiTokenResponse:
        """End a token: it is looked up on every call, so the next one finds it gone."""
        visible = _visible(CALLER.get())

        def work(connection: sa.Connection) -> None:
            if not api_token_store.delete(connection, request.token_id, visible):
                raise NotFound(f"API token not found: {request.token_id}", token_id=request.token_id)

        await self._database.write(work)
        return pb.RevokeApiTokenResponse(ok=True)


def to_message(token: ApiTokenRow) -> pb.ApiToken:
    """Return the token as the contract shows it."""
    message = pb.ApiToken(
        token_id=token.id,
        name=token.name,
        role=token.role,
        tenant_id=token.tenant_id,
        scopes=token.scopes,
        created_by=token.created_by,
        created_at=to_timestamp(token.create_time),
    )
    if token.expire_time is not None:
        message.expires_at.CopyFrom(to_timestamp(token.expire_time))
    if token.use_time is not None:
        message.last_used_at.CopyFrom(to_timestamp(token.use_time))
    return message


def _new_token(request: pb.CreateApiTokenRequest, caller: Caller, *, now: int) -> ApiTokenRow:
    """Return what `request` asks for.

    Raises:
        InvalidArgument: a scope is none.
        PermissionDenied: `caller` may do less.
    """
    tenant_id = (storable(request.tenant_id) or None) if request.HasField("tenant_id") else caller.tenant_id
    rights = Rights(request.role or access_pb2.ROLE_VIEWER, tenant_id)
    check_grant(rights, caller)
    days = request.expires_in_days if request.HasField("expires_in_days") else DEFAULT_DAYS
    return ApiTokenRow(
        id=str(uuid.uuid4()),
        name=storable(request.name),
        role=rights.role,
        tenant_id=rights.tenant_id,
        scopes=_scopes(request.scopes),
        created_by=caller.name,
        maker=caller.name if caller.session_id is not None else None,
        create_time=now,
        expire_time=now + days * DAY if days else None,
    )


def _scopes(names: Iterable[str]) -> tuple[str, ...]:
    """Return the scopes, each once. Raises InvalidArgument for a name that is no package of the contract."""
    known = packages()
    for name in names:
        if name.removesuffix(READ) not in known:
            raise InvalidArgument.field(
                "scopes", f"must be names of {', '.join(sorted(known))}, each alone or followed by '{READ}'"
            )
    return tuple(dict.fromkeys(names))


def _visible(caller: Caller) -> Visible:
    """Return which tokens `caller` may see: an admin those of his tenant, a user his own, a token itself."""
    if caller.role >= access_pb2.ROLE_ADMIN:
        return Visible(tenant_id=caller.tenant_id)
    if caller.token_id is not None:
        return Visible(token_id=caller.token_id)
    return Visible(tenant_id=caller.tenant_id, created_by=caller.name)
