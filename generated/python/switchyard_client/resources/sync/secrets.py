"""`client.secrets`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from switchyard.orchestrator.v1 import secret_service_pb2

from ... import content
from ...sync.connection import Connection
from ...sync.download import Download
from ...sync.pages import Pages
from ...sync.stream import Stream
from ...keys import new_key
from .. import enums
from ..methods import secrets as methods


class Secrets:
    """Values that workflows use and nobody reads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._put = connection.unary(methods.PUT)
        self._delete = connection.unary(methods.DELETE)

    def list(
        self,
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        tenant_id: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Pages[secret_service_pb2.ListSecretsResponse, secret_service_pb2.Secret]:
        """Lists them by name, without their values.

        Errors: PERMISSION_DENIED for a tenant beyond the caller's.

        Args:
            page_size: At most this many, 1 to 1,000. Unset means 1,000.
            page_token: Of the answer before; empty for the first page.
            tenant_id: Whose they are; empty for those of no tenant. Unset: of the caller's tenant, or of none if
                the caller has none.
        """
        request = methods.LIST.method.request(
            page_size=page_size,
            page_token=page_token,
            tenant_id=tenant_id,
        )
        return Pages(self._connection, methods.LIST, request, timeout, headers)

    def put(
        self,
        name: str,
        *,
        value: str,
        tenant_id: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> secret_service_pb2.Secret:
        """Makes a secret, or replaces its value; jobs that begin from now on get it.

        Errors: INVALID_ARGUMENT; PERMISSION_DENIED for a tenant beyond the caller's; RESOURCE_EXHAUSTED beyond 1,000 secrets of
        a tenant.

        Args:
            name: Its name.
            value: Its value, 1 to 65,536 characters. Never returned.
            tenant_id: Whose it is, as in ListSecretsRequest.
        """
        request = methods.PUT.request(
            name=name,
            value=value,
            tenant_id=tenant_id,
        )
        return (self._put(request, timeout, headers)).secret

    def delete(
        self,
        name: str,
        *,
        tenant_id: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> secret_service_pb2.DeleteSecretResponse:
        """Deletes a secret. Runs that refer to it from now on fail at the node that does.

        Errors: NOT_FOUND; PERMISSION_DENIED for a tenant beyond the caller's.

        Args:
            name: Its name.
            tenant_id: Whose it is, as in ListSecretsRequest.
        """
        request = methods.DELETE.request(
            name=name,
            tenant_id=tenant_id,
        )
        return self._delete(request, timeout, headers)
