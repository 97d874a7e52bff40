"""Where users, sessions and wrong passwords are kept. Functions over a Connection; times are micros."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from server.accounts.lifecycle import FAILURE_WINDOW, FAILURES_ALLOWED
from server.accounts.roles import Roles, names_of, roles_of
from server.accounts.tables import API_TOKENS, LOGIN_FAILURES, SESSIONS, USERS
from server.database.point_read import PointRead
from server.database.text import storable
from switchyard.auth.v1 import access_pb2

# Held while users change, so that what was read of them still holds: of two admins not each can remove the other.
USERS_LOCK: Final = "users"


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user as stored. `tenant_id` None sees every tenant."""

    username: str
    password_hash: str
    roles: Roles
    tenant_id: str | None
    create_time: int
    update_time: int

    @property
    def sees_all(self) -> bool:
        """Whether this is an admin of every tenant."""
        return self.tenant_id is None and access_pb2.ROLE_ADMIN in self.roles


def get_user(connection: sa.Connection, username: str) -> UserRow | None:
    """Return the user, or None."""
    row = connection.execute(_GET_USER, {"name": storable(username)}).one_or_none()
    return _user(row) if row is not None else None


def list_users(connection: sa.Connection, *, tenant_id: str | None, after: str, limit: int) -> list[UserRow]:
    """Return users by name, those behind `after`; of one tenant, or of all for None."""
    query = sa.select(USERS).where(USERS.c.username > storable(after)).order_by(USERS.c.username).limit(limit)
    if tenant_id is not None:
        query = query.where(USERS.c.tenant_id == tenant_id)
    return [_user(row) for row in connection.execute(query)]


def put_user(connection: sa.Connection, user: UserRow) -> None:
    """Store a user, new or changed."""
    values: dict[str, Any] = {
        "username": user.username,
        "password_hash": user.password_hash,
        "roles": ",".join(names_of(user.roles)),
        "tenant_id": user.tenant_id,
        "create_time": user.create_time,
        "update_time": user.update_time,
    }
    changed = connection.execute(sa.update(USERS).where(USERS.c.username == user.username).values(values))
    if changed.rowcount == 0:
        connection.execute(sa.insert(USERS).values(values))


def delete_user(connection: sa.Connection, username: str) -> None:
    """Remove a user, end its sessions and remove the API tokens it has made."""
    connection.execute(sa.delete(USERS).where(USERS.c.username == username))
    end_sessions_of(connection, username)
    connection.execute(sa.delete(API_TOKENS).where(API_TOKENS.c.maker == username))


def count_admins(connection: sa.Connection, *, besides: str) -> int:
    """Count the admins of every tenant other than `besides`."""
    query = sa.select(USERS).where(USERS.c.tenant_id.is_(None), USERS.c.username != besides)
    return sum(_user(row).sees_all for row in connection.execute(query))


def open_session(connection: sa.Connection, username: str, *, refresh_id: str, expire_time: int, now: int) -> str:
    """Begin a session and return its id. Sessions that ran out are forgotten on the way."""
    connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.expire_time <= now))
    session_id = str(uuid.uuid4())
    values = {"username": username, "refresh_id": refresh_id, "create_time": now, "expire_time": expire_time}
    connection.execute(sa.insert(SESSIONS).values(id=session_id, **values))
    return session_id


def session_lasts(connection: sa.Connection, session_id: str) -> bool:
    """Whether the session has not ended."""
    return _SESSION_LASTS.first(connection, session_id=session_id) is not None


def rotate(connection: sa.Connection, session_id: str, *, used: str, refresh_id: str, expire_time: int) -> bool:
    """Let `refresh_id` be the next refresh token in place of `used`. False: `used` was not the one to be used."""
    exchange = (
        sa.update(SESSIONS)
        .where(SESSIONS.c.id == session_id, SESSIONS.c.refresh_id == used)
        .values(refresh_id=refresh_id, expire_time=expire_time)
    )
    return connection.execute(exchange).rowcount == 1


def end_session(connection: sa.Connection, session_id: str) -> None:
    """End one session: its tokens are refused from now on."""
    connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.id == session_id))


def end_sessions_of(connection: sa.Connection, username: str, *, besides: str = "") -> None:
    """End every session of a user, but for the one of the id `besides`."""
    connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.username == username, SESSIONS.c.id != besides))


def add_failure(connection: sa.Connection, address: str, *, now: int) -> None:
    """Note a wrong password. Those that no longer count are forgotten on the way."""
    connection.execute(sa.delete(LOGIN_FAILURES).where(LOGIN_FAILURES.c.fail_time <= now - FAILURE_WINDOW))
    connection.execute(sa.insert(LOGIN_FAILURES).values(id=str(uuid.uuid4()), address=address, fail_time=now))


def newest_failures(connection: sa.Connection, address: str) -> Sequence[int]:
    """Return the times of the newest wrong passwords from an address, the newest first, as many as matter."""
    query = (
        sa.select(LOGIN_FAILURES.c.fail_time)
        .where(LOGIN_FAILURES.c.address == address)
        .order_by(LOGIN_FAILURES.c.fail_time.desc())
        .limit(FAILURES_ALLOWED)
    )
    return connection.execute(query).scalars().all()


def _user(row: sa.Row[Any]) -> UserRow:
    return UserRow(
        username=row.username,
        password_hash=row.password_hash,
        roles=roles_of(row.roles.split(",")),
        tenant_id=row.tenant_id,
        create_time=row.create_time,
        update_time=row.update_time,
    )


_GET_USER: Final = sa.select(USERS).where(USERS.c.username == sa.bindparam("name"))
_SESSION_LASTS: Final = PointRead(sa.select(SESSIONS.c.id).where(SESSIONS.c.id == sa.bindparam("session_id")))
