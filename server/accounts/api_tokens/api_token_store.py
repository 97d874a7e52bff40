"""Where API tokens are kept. Functions over a Connection; times are micros."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from server.accounts.api_tokens.limits import Rights, left_of
from server.accounts.roles import roles_of
from server.accounts.tables import API_TOKENS, USERS
from server.database.point_read import PointRead
from server.database.text import storable
from switchyard.auth.v1 import access_pb2

# Makes tokens without being a user.
API_KEY: Final = "api-key"


@dataclass(frozen=True, slots=True)
class ApiTokenRow:
    """A token as stored, without its digest. `maker` is the user who bounds it, None for the API key."""

    id: str
    name: str
    role: access_pb2.Role.ValueType
    tenant_id: str | None
    scopes: tuple[str, ...]
    created_by: str
    maker: str | None
    create_time: int
    expire_time: int | None
    use_time: int | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class KnownToken:
    """What a call with a token has to know."""

    id: str
    name: str
    rights: Rights
    scopes: tuple[str, ...]
    expire_time: int | None
    use_time: int | None


@dataclass(frozen=True, slots=True)
class Visible:
    """Which tokens somebody may see and end: those for which everything holds that is not None."""

    tenant_id: str | None = None
    created_by: str | None = None
    token_id: str | None = None


def insert(connection: sa.Connection, token: ApiTokenRow, digest: bytes) -> None:
    """Store a new token."""
    values = {
        "id": token.id,
        "digest": digest,
        "name": token.name,
        "role": token.role,
        "tenant_id": token.tenant_id,
        "scopes": ",".join(token.scopes),
        "created_by": token.created_by,
        "maker": token.maker,
        "create_time": token.create_time,
        "expire_time": token.expire_time,
    }
    connection.execute(sa.insert(API_TOKENS).values(values))


def find(connection: sa.Connection, digest: bytes) -> KnownToken | None:
    """Return the token of that digest with what it may do now; None when there is none, or its maker may do nothing."""
    row = _FIND.first(connection, token_digest=digest)
    if row is None:
        return None
    token_id, name, role, tenant_id, scopes, created_by, maker, expire_time, use_time, roles, maker_tenant = row
    granted = Rights(role, tenant_id)
    if maker is not None:
        rights = left_of(granted, roles=roles_of(roles.split(",")), tenant_id=maker_tenant) if roles else None
    else:
        # Others than users and the API key were let in for a test.
        rights = granted if created_by == API_KEY else None
    if rights is None:
        return None
    return KnownToken(token_id, name, rights, _scopes(scopes), expire_time, use_time)


def list_tokens(
    connection: sa.Connection, visible: Visible, *, before: int | None, limit: int
) -> Sequence[ApiTokenRow]:
    """Return tokens, the newest first; those before number `before`."""
    query = sa.select(API_TOKENS).where(*_conditions(visible)).order_by(API_TOKENS.c.number.desc()).limit(limit)
    if before is not None:
        query = query.where(API_TOKENS.c.number < before)
    return [_token(row) for row in connection.execute(query)]


def delete(connection: sa.Connection, token_id: str, visible: Visible) -> bool:
    """Remove a token. False: there is none of that id to be seen."""
    removed = sa.delete(API_TOKENS).where(API_TOKENS.c.id == storable(token_id), *_conditions(visible))
    return connection.execute(removed).rowcount == 1


def note_uses(connection: sa.Connection, uses: Iterable[tuple[str, int]]) -> None:
    """Note when tokens were used, by id. An older time never replaces a newer one."""
    connection.execute(_NOTE_USE, [{"token_id": token_id, "used": time} for token_id, time in uses])


def _conditions(visible: Visible) -> list[sa.ColumnElement[bool]]:
    wanted = (
        (API_TOKENS.c.tenant_id, visible.tenant_id),
        (API_TOKENS.c.created_by, visible.created_by),
        (API_TOKENS.c.id, visible.token_id),
    )
    return [column == value for column, value in wanted if value is not None]


def _scopes(text: str) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()


def _token(row: sa.Row[Any]) -> ApiTokenRow:
    return ApiTokenRow(
        id=row.id,
        name=row.name,
        role=row.role,
        tenant_id=row.tenant_id,
        scopes=_scopes(row.scopes),
        created_by=row.created_by,
        maker=row.maker,
        create_time=row.create_time,
        expire_time=row.expire_time,
        use_time=row.use_time,
        number=row.number,
    )


_FIND: Final = PointRead(
    sa.select(
        API_TOKENS.c.id,
        API_TOKENS.c.name,
        API_TOKENS.c.role,
        API_TOKENS.c.tenant_id,
        API_TOKENS.c.scopes,
        API_TOKENS.c.created_by,
        API_TOKENS.c.maker,
        API_TOKENS.c.expire_time,
        API_TOKENS.c.use_time,
        USERS.c.roles,
        USERS.c.tenant_id.label("maker_tenant"),
    )
    .select_from(API_TOKENS.outerjoin(USERS, USERS.c.username == API_TOKENS.c.maker))
    .where(API_TOKENS.c.digest == sa.bindparam("token_digest"))
)
_NOTE_USE: Final = (
    sa.update(API_TOKENS)
    .where(
        API_TOKENS.c.id == sa.bindparam("token_id"),
        sa.func.coalesce(API_TOKENS.c.use_time, 0) < sa.bindparam("used"),
    )
    .values(use_time=sa.bindparam("used"))
)
