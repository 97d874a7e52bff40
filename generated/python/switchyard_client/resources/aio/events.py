"""`client.events`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from google.protobuf import timestamp_pb2
from switchyard.telemetry.v1 import event_service_pb2
from switchyard.telemetry.v1 import session_pb2

from ... import content
from ...aio.connection import Connection
from ...aio.download import Download
from ...aio.pages import Pages
from ...aio.stream import Stream
from ...keys import new_key
from .. import enums
from ..methods import events as methods


class Events:
    """Events of browser sessions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._log = connection.unary(methods.LOG)
        self._log_many = connection.unary(methods.LOG_MANY)

    def list(
        self,
        *,
        page: int | None = None,
        per_page: int | None = None,
        event_type: str | None = None,
        session_id: str | None = None,
        cursor: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Pages[event_service_pb2.ListEventsResponse, session_pb2.Event]:
        """Lists events, newest first.

        Errors: INVALID_ARGUMENT.

        Args:
            page: From 1. A page beyond the end is empty. Without effect when `cursor` is given.
            per_page: 1 to 200.
            event_type: Only events of this type.
            session_id: Only events of this session; one that is not known has none.
            cursor: `next_cursor` of the page before.
        """
        request = methods.LIST.method.request(
            page=page,
            per_page=per_page,
            event_type=event_type,
            session_id=session_id,
            cursor=cursor,
        )
        return Pages(self._connection, methods.LIST, request, timeout, headers)

    async def log(
        self,
        *,
        session_id: str,
        event_type: str,
        event_time: datetime.datetime | timestamp_pb2.Timestamp | None = None,
        request_id: str | None = None,
        details: Mapping[str, Any] | str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> event_service_pb2.LogEventResponse:
        """Stores one event.

        Errors: INVALID_ARGUMENT; NOT_FOUND for an unknown session; RESOURCE_EXHAUSTED with ERROR_REASON_TOO_LARGE;
        ABORTED with ERROR_REASON_IDEMPOTENCY_CONFLICT.

        Args:
            session_id: The session it happened in.
            event_type: What happened.
            event_time: When it happened. Unset means now.
            request_id: Idempotency key, at most 255 characters. None makes a new one, with which the call is
                retried.
            details: More about it, at most 64 KiB as JSON.
        """
        request = methods.LOG.request(
            session_id=session_id,
            event_type=event_type,
            event_time=event_time,
            request_id=request_id or new_key(),
            details=content.json_text(details),
        )
        return await self._log(request, timeout, headers)

    async def log_many(
        self,
        *,
        events: Sequence[Mapping[str, Any] | session_pb2.NewEvent] | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> event_service_pb2.LogEventsResponse:
        """Stores up to 1,000 events, all of them or none.

        Errors: as LogEvent; the sentence names the event.

        Args:
            events: 1 to 1,000, in their order.
            request_id: Idempotency key, at most 255 characters. None makes a new one, with which the call is
                retried.
        """
        request = methods.LOG_MANY.request(
            events=events,
            request_id=request_id or new_key(),
        )
        return await self._log_many(request, timeout, headers)

    def ingest(
        self,
        requests: Iterable[event_service_pb2.IngestEventsRequest] | AsyncIterable[event_service_pb2.IngestEventsRequest],
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Stream[event_service_pb2.IngestEventsResponse]:
        """Takes events for as long as the producer sends some, and says which are on disk. The first answer comes at once and

        says where to go on. Events that were stored before are skipped, so that a producer that is not sure sends again.
        An event that cannot be stored is told and passed over; in the first message, which need hold none, it ends the call.
        Errors: INVALID_ARGUMENT for a first message without `producer_id`; FAILED_PRECONDITION with
        ERROR_REASON_POSITION_GAP when a position was left out, whose metadata `next_position` says where to go on.

        Args:
            requests: The messages, in order.
        """
        return self._connection.exchange(methods.INGEST, requests, timeout, headers)

    def export(
        self,
        *,
        event_type: str | None = None,
        session_id: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Download:
        """All events that match as CSV, oldest first, streamed. Columns: id, session_id, event_type, timestamp, details (JSON).

        Cells that a spreadsheet would take for a formula begin with an apostrophe.
        Errors: INVALID_ARGUMENT.

        Args:
            event_type: Only events of this type.
            session_id: Only events of this session.
        """
        request = methods.EXPORT.request(
            event_type=event_type,
            session_id=session_id,
        )
        return Download(self._connection.stream(methods.EXPORT, request, timeout, headers))
