"""`client.users`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from switchyard.auth.v1 import user_service_pb2

from ... import content
from ...sync.connection import Connection
from ...sync.download import Download
from ...sync.pages import Pages
from ...sync.stream import Stream
from ...keys import new_key
from .. import enums
from ..methods import users as methods


class Users:
    """Accounts of people."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._create = connection.unary(methods.CREATE)
        self._update = connection.unary(methods.UPDATE)
        self._delete = connection.unary(methods.DELETE)

    def create(
        self,
        *,
        username: str,
        password: str,
        roles: Sequence[enums.AuthRole] | None = None,
        tenant_id: str | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> user_service_pb2.User:
        """Creates a user.

        Errors: INVALID_ARGUMENT; ALREADY_EXISTS; ABORTED with ERROR_REASON_IDEMPOTENCY_CONFLICT.

        Args:
            username: Its name.
            password: 8 to 1,024 characters.
            roles: At least one.
            tenant_id: Its tenant.
            request_id: Idempotency key, at most 255 characters. None makes a new one, with which the call is
                retried.
        """
        request = methods.CREATE.request(
            username=username,
            password=password,
            roles=[enums.AuthRole_NUMBERS.get(each, each) for each in roles or ()],
            tenant_id=tenant_id,
            request_id=request_id or new_key(),
        )
        return (self._create(request, timeout, headers)).user

    def list(
        self,
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Pages[user_service_pb2.ListUsersResponse, user_service_pb2.User]:
        """Lists users by name.

        Args:
            page_size: At most this many. Zero means 100; more than 1,000 is lowered to it.
            page_token: `next_page_token` of the page before.
        """
        request = methods.LIST.method.request(
            page_size=page_size,
            page_token=page_token,
        )
        return Pages(self._connection, methods.LIST, request, timeout, headers)

    def update(
        self,
        username: str,
        *,
        password: str | None = None,
        roles: Sequence[enums.AuthRole] | None = None,
        tenant_id: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> user_service_pb2.User:
        """Changes password, roles or tenant. A new password or other roles end the user's sessions.

        Errors: NOT_FOUND; INVALID_ARGUMENT; FAILED_PRECONDITION with ERROR_REASON_LAST_ADMIN.

        Args:
            username: Whose account.
            password: New password, 8 to 1,024 characters.
            roles: New roles; empty leaves them.
            tenant_id: New tenant; an empty text removes it.
        """
        request = methods.UPDATE.request(
            username=username,
            password=password,
            roles=[enums.AuthRole_NUMBERS.get(each, each) for each in roles or ()],
            tenant_id=tenant_id,
        )
        return (self._update(request, timeout, headers)).user

    def delete(
        self,
        username: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> user_service_pb2.DeleteUserResponse:
        """Deletes a user and ends its sessions.

        Errors: NOT_FOUND; FAILED_PRECONDITION with ERROR_REASON_LAST_ADMIN.

        Args:
            username: Whose account.
        """
        request = methods.DELETE.request(
            username=username,
        )
        return self._delete(request, timeout, headers)
