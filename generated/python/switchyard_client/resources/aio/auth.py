"""`client.auth`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from switchyard.auth.v1 import auth_service_pb2

from ... import content
from ...aio.connection import Connection
from ...aio.download import Download
from ...aio.pages import Pages
from ...aio.stream import Stream
from ...keys import new_key
from .. import enums
from ..methods import auth as methods


class Auth:
    """Sessions of people; `login` of the client keeps their tokens."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._login = connection.unary(methods.LOGIN)
        self._refresh = connection.unary(methods.REFRESH)
        self._logout = connection.unary(methods.LOGOUT)
        self._change_password = connection.unary(methods.CHANGE_PASSWORD)
        self._get_me = connection.unary(methods.GET_ME)

    async def login(
        self,
        *,
        username: str,
        password: str,
        tenant_id: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> auth_service_pb2.LoginResponse:
        """Exchanges a password for tokens.

        Errors: UNAUTHENTICATED "Invalid username or password"; RESOURCE_EXHAUSTED with ERROR_REASON_TOO_MANY_ATTEMPTS after
        five wrong passwords within five minutes from one address.

        Args:
            username: Name of the user.
            password: Its password.
            tenant_id: Must be the user's tenant when given. Of a user who sees all, it narrows the session to that
                tenant.
        """
        request = methods.LOGIN.request(
            username=username,
            password=password,
            tenant_id=tenant_id,
        )
        return await self._login(request, timeout, headers)

    async def refresh(
        self,
        *,
        refresh_token: str,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> auth_service_pb2.RefreshResponse:
        """Exchanges a refresh token for new tokens. The old one is used up; using it again ends the whole family.

        Errors: INVALID_ARGUMENT "Invalid token type. Expected refresh token."; UNAUTHENTICATED.

        Args:
            refresh_token: As Login or Refresh gave it.
        """
        request = methods.REFRESH.request(
            refresh_token=refresh_token,
        )
        return await self._refresh(request, timeout, headers)

    async def logout(
        self,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> auth_service_pb2.LogoutResponse:
        """Ends the session of the access token: it and its refresh tokens are refused from now on."""
        request = methods.LOGOUT.request(
        )
        return await self._logout(request, timeout, headers)

    async def change_password(
        self,
        *,
        current_password: str,
        new_password: str,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> auth_service_pb2.ChangePasswordResponse:
        """Changes one's own password. Every other session of the user ends.

        Errors: UNAUTHENTICATED "Invalid username or password" for a wrong present one; INVALID_ARGUMENT; RESOURCE_EXHAUSTED
        with ERROR_REASON_TOO_MANY_ATTEMPTS as in Login.

        Args:
            current_password: The present one.
            new_password: 8 to 1,024 characters, not the present one.
        """
        request = methods.CHANGE_PASSWORD.request(
            current_password=current_password,
            new_password=new_password,
        )
        return await self._change_password(request, timeout, headers)

    async def get_me(
        self,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> auth_service_pb2.GetMeResponse:
        """Says who calls."""
        request = methods.GET_ME.request(
        )
        return await self._get_me(request, timeout, headers)
