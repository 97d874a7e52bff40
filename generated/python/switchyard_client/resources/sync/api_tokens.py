"""`client.api_tokens`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from switchyard.auth.v1 import api_token_service_pb2

from ... import content
from ...sync.connection import Connection
from ...sync.download import Download
from ...sync.pages import Pages
from ...sync.stream import Stream
from ...keys import new_key
from .. import enums
from ..methods import api_tokens as methods


class ApiTokens:
    """Credentials of programs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._create = connection.unary(methods.CREATE)
        self._revoke = connection.unary(methods.REVOKE)

    def create(
        self,
        *,
        name: str,
        role: enums.AuthRole | None = None,
        scopes: Sequence[str] | None = None,
        expires_in_days: int | None = None,
        tenant_id: str | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> api_token_service_pb2.CreateApiTokenResponse:
        """Makes a token. It can do no more than its maker, at any time: when the maker's role or tenant shrinks, so does what

        the token may do, and it ends when the maker is deleted. Tokens cannot make tokens.
        Errors: INVALID_ARGUMENT; PERMISSION_DENIED for a role or tenant beyond the caller's; ALREADY_EXISTS for a repeated
        request_id, or ABORTED with ERROR_REASON_IDEMPOTENCY_CONFLICT if it came with another request.

        Args:
            name: What it is for.
            role: What it may do. Unspecified means viewer.
            scopes: What it may reach; see ApiToken.
            expires_in_days: Days it lasts, 1 to 3,650. Unset means 90; zero means without an end.
            tenant_id: Its tenant. Unset: that of the caller.
            request_id: Idempotency key, at most 255 characters. None makes a new one, with which the call is
                retried.
        """
        request = methods.CREATE.request(
            name=name,
            role=enums.AuthRole_NUMBERS.get(role, role),
            scopes=scopes,
            expires_in_days=expires_in_days,
            tenant_id=tenant_id,
            request_id=request_id or new_key(),
        )
        return self._create(request, timeout, headers)

    def list(
        self,
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Pages[api_token_service_pb2.ListApiTokensResponse, api_token_service_pb2.ApiToken]:
        """Lists tokens, the newest first: one's own, or as an admin those of the tenant; a token sees itself.

        Args:
            page_size: At most this many. Zero means 100; more than 1,000 is lowered to it.
            page_token: `next_page_token` of the page before.
        """
        request = methods.LIST.method.request(
            page_size=page_size,
            page_token=page_token,
        )
        return Pages(self._connection, methods.LIST, request, timeout, headers)

    def revoke(
        self,
        token_id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> api_token_service_pb2.RevokeApiTokenResponse:
        """Ends a token at once.

        Errors: NOT_FOUND.

        Args:
            token_id: Its id.
        """
        request = methods.REVOKE.request(
            token_id=token_id,
        )
        return self._revoke(request, timeout, headers)
