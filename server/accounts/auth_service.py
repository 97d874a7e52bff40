"""AuthService: log in, refresh, log out, change one's password, who am I."""

import asyncio
import uuid
from dataclasses import replace
from typing import Any, Final
from weakref import WeakValueDictionary

import sqlalchemy as sa

from server.accounts import lifecycle, store
from server.accounts.passwords import Passwords
from server.accounts.roles import up_to
from server.accounts.store import UserRow
from server.accounts.tokens import INVALID, Identity, Tokens
from server.clock import SECOND, Clock
from server.database.database import Database
from server.database.first_change import nobodys
from server.database.locks import lock
from server.errors import CredentialInvalid, InvalidArgument
from server.rpc.caller import CALLER, Caller
from switchyard.auth.v1 import auth_service_pb2 as pb
from switchyard.auth.v1 import auth_service_pb2_grpc as pb_grpc

Context = Any

WRONG: Final = "Invalid username or password"


class AuthService(pb_grpc.AuthServiceServicer):
    """Sessions of people. `dev_mode` is only told, in GetMe."""

    def __init__(
        self, database: Database, tokens: Tokens, passwords: Passwords, *, clock: Clock, dev_mode: bool
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._passwords = passwords
        self._clock = clock
        self._dev_mode = dev_mode
        # One login at a time per address: guesses sent all at once would else pass the count of failures together.
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def Login(self, request: pb.LoginRequest, _context: Context) -> pb.LoginResponse:
        """Exchange a password for tokens."""
        user = await self._checked_user(request.username, request.password, request.tenant_id)
        requested = request.tenant_id if request.HasField("tenant_id") else None
        identity = Identity(user.username, user.roles, user.tenant_id or requested or None)
        _be(identity)
        refresh_id = str(uuid.uuid4())
        session_id = await self._open_session(user, refresh_id)
        return pb.LoginResponse(
            access_token=self._tokens.access(identity, session_id),
            refresh_token=self._tokens.refresh(identity, session_id, refresh_id),
            token_type="bearer",  # noqa: S106 - a name
            expires_in=self._tokens.access_seconds,
        )

    async def Refresh(self, request: pb.RefreshRequest, _context: Context) -> pb.RefreshResponse:
        """Exchange a refresh token for new tokens; one that was used before ends its session."""
        claims = self._tokens.read_refresh(request.refresh_token)
        _be(claims.identity)
        refresh_id = str(uuid.uuid4())
        expire_time = self._clock() + self._tokens.refresh_seconds * SECOND

        def work(connection: sa.Connection) -> bool:
            fresh = store.rotate(
                connection,
                claims.session_id,
                used=claims.refresh_id,
                refresh_id=refresh_id,
                expire_time=expire_time,
            )
            if not fresh:
                store.end_session(connection, claims.session_id)
            return fresh

        if not await self._database.write(work):
            raise CredentialInvalid(INVALID)
        return pb.RefreshResponse(
            access_token=self._tokens.access(claims.identity, claims.session_id),
            refresh_token=self._tokens.refresh(claims.identity, claims.session_id, refresh_id),
            token_type="bearer",  # noqa: S106 - a name
            expires_in=self._tokens.access_seconds,
        )

    async def Logout(self, _request: pb.LogoutRequest, _context: Context) -> pb.LogoutResponse:
        """End the session of the access token."""
        session_id = CALLER.get().session_id
        if session_id is None:
            raise InvalidArgument("Only the session of an access token can be ended")
        await self._database.write(lambda connection: store.end_session(connection, session_id))
        return pb.LogoutResponse(message="Successfully logged out")

    async def ChangePassword(self, request: pb.ChangePasswordRequest, _context: Context) -> pb.ChangePasswordResponse:
        """Change the password of the user behind the access token, and end his other sessions."""
        caller = CALLER.get()
        if caller.session_id is None:
            raise InvalidArgument("Only who has logged in with a password can change it")
        user = await self._checked_user(caller.name, request.current_password)
        if request.new_password == request.current_password:
            raise InvalidArgument.field("new_password", "must not be the present one")
        changed = replace(user, password_hash=await self._passwords.hash(request.new_password))
        now, session_id = self._clock(), caller.session_id

        def work(connection: sa.Connection) -> bool:
            lock(connection, store.USERS_LOCK)
            # The account may have been changed while the password was checked.
            if store.get_user(connection, user.username) != user:
                return False
            store.put_user(connection, replace(changed, update_time=now))
            store.end_sessions_of(connection, user.username, besides=session_id)
            return True

        if not await self._database.write(work):
            raise CredentialInvalid(WRONG)
        return pb.ChangePasswordResponse(message="Password changed")

    async def GetMe(self, _request: pb.GetMeRequest, _context: Context) -> pb.GetMeResponse:
        """Say who calls."""
        caller = CALLER.get()
        return pb.GetMeResponse(
            user_id=caller.name, roles=up_to(caller.role), tenant_id=caller.tenant_id, dev_mode=self._dev_mode
        )

    async def session_lasts(self, session_id: str) -> bool:
        """Whether the session of that id has not ended. Asked on every call with an access token."""
        return await self._database.read(lambda connection: store.session_lasts(connection, session_id))

    async def _checked_user(self, username: str, password: str, tenant_id: str = "") -> UserRow:
        """Return the user whose password was given, or note the failure and raise.

        `tenant_id` is the one that was asked for, "" for none.
        """
        address = CALLER.get().address
        async with self._turns.setdefault(address, asyncio.Lock()):
            failures = await self._database.read(lambda connection: store.newest_failures(connection, address))
            lifecycle.check_attempts(failures, now=self._clock())
            user = await self._database.read(lambda connection: store.get_user(connection, username))
            matches = await self._passwords.matches(password, user.password_hash if user is not None else None)
            if user is not None and matches and _may_enter(user, tenant_id):
                return user
            now = self._clock()
            with nobodys():
                await self._database.write(lambda connection: store.add_failure(connection, address, now=now))
        raise CredentialInvalid(WRONG)

    async def _open_session(self, user: UserRow, refresh_id: str) -> str:
        now = self._clock()

        def work(connection: sa.Connection) -> str | None:
            # The account may have been changed while the password was checked.
            if store.get_user(connection, user.username) != user:
                return None
            expire_time = now + self._tokens.refresh_seconds * SECOND
            return store.open_session(
                connection, user.username, refresh_id=refresh_id, expire_time=expire_time, now=now
            )

        session_id = await self._database.write(work)
        if session_id is None:
            raise CredentialInvalid(WRONG)
        return session_id


def _be(identity: Identity) -> None:
    """Let the present call be that of `identity`, who has just shown who he is."""
    address = CALLER.get().address
    CALLER.set(Caller(identity.username, max(identity.roles), identity.tenant_id, address=address))


def _may_enter(user: UserRow, tenant_id: str) -> bool:
    """Whether the tenant that was asked for is the user's; one who sees all may enter any."""
    return user.tenant_id is None or not tenant_id or tenant_id == user.tenant_id
