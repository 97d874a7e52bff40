"""`client.audit`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from google.protobuf import timestamp_pb2
from switchyard.auth.v1 import audit_service_pb2

from ... import content
from ...sync.connection import Connection
from ...sync.download import Download
from ...sync.pages import Pages
from ...sync.stream import Stream
from ...keys import new_key
from .. import enums
from ..methods import audit as methods


class Audit:
    """Who did what."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        actor: str | None = None,
        action: str | None = None,
        outcome: enums.AuthAuditEntryOutcome | None = None,
        since: datetime.datetime | timestamp_pb2.Timestamp | None = None,
        until: datetime.datetime | timestamp_pb2.Timestamp | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Pages[audit_service_pb2.ListAuditEntriesResponse, audit_service_pb2.AuditEntry]:
        """Lists entries, the newest first.

        Errors: INVALID_ARGUMENT.

        Args:
            page_size: At most this many. Zero means 100; more than 1,000 is lowered to it.
            page_token: `next_page_token` of the page before.
            actor: Only those of this actor.
            action: Only those of this call.
            outcome: Only those with this outcome.
            since: Only those at or after this time.
            until: Only those before this time.
        """
        request = methods.LIST.method.request(
            page_size=page_size,
            page_token=page_token,
            actor=actor,
            action=action,
            outcome=enums.AuthAuditEntryOutcome_NUMBERS.get(outcome, outcome),
            since=since,
            until=until,
        )
        return Pages(self._connection, methods.LIST, request, timeout, headers)

    def export(
        self,
        *,
        actor: str | None = None,
        action: str | None = None,
        outcome: enums.AuthAuditEntryOutcome | None = None,
        since: datetime.datetime | timestamp_pb2.Timestamp | None = None,
        until: datetime.datetime | timestamp_pb2.Timestamp | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Download:
        """Downloads entries as CSV (entry_id, timestamp, actor, role, tenant_id, address, action, resource, outcome, reason,

        request_id, count), the oldest first.
        Errors: INVALID_ARGUMENT.

        Args:
            actor: Only those of this actor.
            action: Only those of this call.
            outcome: Only those with this outcome.
            since: Only those at or after this time.
            until: Only those before this time.
        """
        request = methods.EXPORT.request(
            actor=actor,
            action=action,
            outcome=enums.AuthAuditEntryOutcome_NUMBERS.get(outcome, outcome),
            since=since,
            until=until,
        )
        return Download(self._connection.stream(methods.EXPORT, request, timeout, headers))
