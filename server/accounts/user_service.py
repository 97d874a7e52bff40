"""UserService: accounts of people. An admin of one tenant sees and changes only users of that tenant."""

from dataclasses import replace
from typing import Any, Final

import sqlalchemy as sa

from server.accounts import lifecycle, store
from server.accounts.passwords import Passwords
from server.accounts.roles import ordered
from server.accounts.store import UserRow
from server.clock import Clock, to_timestamp
from server.database.database import Database
from server.database.locks import lock
from server.database.text import storable
from server.errors import AlreadyExists, InvalidArgument, NotFound, PermissionDenied
from server.rpc import idempotency
from server.rpc.caller import CALLER
from server.rpc.idempotency import IdempotencyKey
from switchyard.auth.v1 import user_service_pb2 as pb
from switchyard.auth.v1 import user_service_pb2_grpc as pb_grpc

Context = Any

DEFAULT_PAGE: Final = 100
LARGEST_PAGE: Final = 1000
# Callers who are no users go by these names, in the audit log and elsewhere.
RESERVED: Final = frozenset({"anonymous", "api-key", "dev", "local", "robot", "system", "various", "worker"})


class UserService(pb_grpc.UserServiceServicer):
    """Creates, lists, changes and deletes users."""

    def __init__(self, database: Database, passwords: Passwords, *, clock: Clock) -> None:
        self._database = database
        self._passwords = passwords
        self._clock = clock

    async def CreateUser(self, request: pb.CreateUserRequest, _context: Context) -> pb.CreateUserResponse:
        """Create a user."""
        if request.username.lower() in RESERVED:
            raise InvalidArgument.field("username", f"must not be {request.username}, which has a meaning of its own")
        own = CALLER.get().tenant_id
        tenant_id = (storable(request.tenant_id) or None) if request.HasField("tenant_id") else own
        _check_tenant(tenant_id)
        password_hash = await self._hash_once(request)
        now = self._clock()
        user = UserRow(request.username, password_hash, ordered(request.roles), tenant_id, now, now)
        key = IdempotencyKey.of_call(request.request_id, "CreateUser")
        # What is kept of the request for comparison must not be an easier way to the password than its hash.
        kept = pb.CreateUserRequest()
        kept.CopyFrom(request)
        kept.password = password_hash

        def work(connection: sa.Connection) -> pb.CreateUserResponse:
            lock(connection, store.USERS_LOCK)
            answered = idempotency.remember(connection, key, kept, now=now)
            if answered is not None:
                return pb.CreateUserResponse.FromString(answered)
            if store.get_user(connection, user.username) is not None:
                raise AlreadyExists(f"User already exists: {user.username}", username=user.username)
            store.put_user(connection, user)
            response = pb.CreateUserResponse(user=to_message(user))
            idempotency.store_answer(connection, key, response)
            return response

        return await self._database.write(work)

    async def _hash_once(self, request: pb.CreateUserRequest) -> str:
        """Return a hash of the password: the one that is stored, if this may be a repeated call."""
        if request.request_id:
            user = await self._database.read(lambda connection: store.get_user(connection, request.username))
            if user is not None and await self._passwords.matches(request.password, user.password_hash):
                return user.password_hash
        return await self._passwords.hash(request.password)

    async def ListUsers(self, request: pb.ListUsersRequest, _context: Context) -> pb.ListUsersResponse:
        """List users by name. The page token is the last name of the page before."""
        tenant_id = CALLER.get().tenant_id
        size = min(request.page_size or DEFAULT_PAGE, LARGEST_PAGE)
        users = await self._database.read(
            lambda connection: store.list_users(
                connection, tenant_id=tenant_id, after=request.page_token, limit=size + 1
            )
        )
        page = users[:size]
        return pb.ListUsersResponse(
            users=[to_message(user) for user in page],
            next_page_token=page[-1].username if len(users) > size else "",
        )

    async def UpdateUser(self, request: pb.UpdateUserRequest, _context: Context) -> pb.UpdateUserResponse:
        """Change password, roles or tenant; any of them ends the user's sessions."""
        if request.HasField("tenant_id"):
            _check_tenant(request.tenant_id or None)
        password_hash = await self._passwords.hash(request.password) if request.HasField("password") else None
        now = self._clock()

        def work(connection: sa.Connection) -> UserRow:
            lock(connection, store.USERS_LOCK)
            user = _visible(connection, request.username)
            changed = _changed(user, request, password_hash)
            if changed == user:
                return user
            changed = replace(changed, update_time=now)
            _check_admin_remains(connection, user, stays_admin=changed.sees_all)
            store.put_user(connection, changed)
            store.end_sessions_of(connection, user.username)
            return changed

        return pb.UpdateUserResponse(user=to_message(await self._database.write(work)))

    async def DeleteUser(self, request: pb.DeleteUserRequest, _context: Context) -> pb.DeleteUserResponse:
        """Delete a user and end its sessions."""

        def work(connection: sa.Connection) -> None:
            lock(connection, store.USERS_LOCK)
            user = _visible(connection, request.username)
            _check_admin_remains(connection, user, stays_admin=False)
            store.delete_user(connection, user.username)

        await self._database.write(work)
        return pb.DeleteUserResponse(ok=True)


def to_message(user: UserRow) -> pb.User:
    """Return the user as the contract shows it, without its password."""
    return pb.User(
        username=user.username,
        roles=user.roles,
        tenant_id=user.tenant_id,
        created_at=to_timestamp(user.create_time),
        updated_at=to_timestamp(user.update_time),
    )


def _changed(user: UserRow, request: pb.UpdateUserRequest, password_hash: str | None) -> UserRow:
    return replace(
        user,
        password_hash=password_hash or user.password_hash,
        roles=ordered(request.roles) or user.roles,
        tenant_id=(storable(request.tenant_id) or None) if request.HasField("tenant_id") else user.tenant_id,
    )


def _visible(connection: sa.Connection, username: str) -> UserRow:
    """Return the user if the present caller may see it."""
    user = store.get_user(connection, username)
    own = CALLER.get().tenant_id
    if user is None or (own is not None and user.tenant_id != own):
        raise NotFound(f"User not found: {username}", username=username)
    return user


def _check_tenant(tenant_id: str | None) -> None:
    """Refuse that an admin of one tenant makes users of another, or of all."""
    own = CALLER.get().tenant_id
    if own is not None and tenant_id != own:
        raise PermissionDenied(f"Insufficient permissions. Users of tenant {own} only", tenant_id=own)


def _check_admin_remains(connection: sa.Connection, user: UserRow, *, stays_admin: bool) -> None:
    lifecycle.check_admin_remains(
        user.username,
        was_admin=user.sees_all,
        stays_admin=stays_admin,
        others=store.count_admins(connection, besides=user.username),
    )
