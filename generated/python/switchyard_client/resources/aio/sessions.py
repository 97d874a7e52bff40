"""`client.sessions`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from switchyard.telemetry.v1 import live_service_pb2
from switchyard.telemetry.v1 import session_pb2
from switchyard.telemetry.v1 import session_service_pb2

from ... import content
from ...aio.connection import Connection
from ...aio.download import Download
from ...aio.pages import Pages
from ...aio.stream import Stream
from ...keys import new_key
from .. import enums
from ..methods import sessions as methods


class Sessions:
    """Browser sessions that report what they do."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._get = connection.unary(methods.GET)
        self._register = connection.unary(methods.REGISTER)
        self._end = connection.unary(methods.END)
        self._delete = connection.unary(methods.DELETE)

    def list(
        self,
        *,
        page: int | None = None,
        per_page: int | None = None,
        status: enums.TelemetrySessionStatus | None = None,
        country: str | None = None,
        search: str | None = None,
        cursor: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Pages[session_service_pb2.ListSessionsResponse, session_pb2.Session]:
        """Lists sessions, newest first.

        Errors: INVALID_ARGUMENT.

        Args:
            page: From 1. A page beyond the end is empty. Without effect when `cursor` is given.
            per_page: 1 to 100.
            status: Only this status.
            country: Only this country code.
            search: Only sessions with this text somewhere in session id, profile id or proxy, in capital letters or
                small ones.
            cursor: `next_cursor` of the page before: goes on from there at the same price however deep that is.
        """
        request = methods.LIST.method.request(
            page=page,
            per_page=per_page,
            status=enums.TelemetrySessionStatus_NUMBERS.get(status, status),
            country=country,
            search=search,
            cursor=cursor,
        )
        return Pages(self._connection, methods.LIST, request, timeout, headers)

    async def get(
        self,
        session_id: str,
        *,
        event_limit: int | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> session_service_pb2.GetSessionResponse:
        """Reads one session with its events, oldest first.

        Errors: NOT_FOUND.

        Args:
            session_id: Id of the session.
            event_limit: At most so many events, the oldest, 1 to 10,000. ListEvents has the others.
        """
        request = methods.GET.request(
            session_id=session_id,
            event_limit=event_limit,
        )
        return await self._get(request, timeout, headers)

    async def register(
        self,
        *,
        session_id: str,
        profile_id: str,
        device: str | None = None,
        target_url: str | None = None,
        proxy: str | None = None,
        country: str | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> session_service_pb2.RegisterSessionResponse:
        """Registers a session that begins now.

        Errors: INVALID_ARGUMENT; ALREADY_EXISTS when a session of that id is active or has ended; ABORTED with
        ERROR_REASON_IDEMPOTENCY_CONFLICT.

        Args:
            session_id: Its id, which no other session has or had.
            profile_id: Profile of the browser.
            device: Kind of device.
            target_url: Where it goes first. Its host is the site the proxy is judged by.
            proxy: Address of the proxy.
            country: Country code.
            request_id: Idempotency key, at most 255 characters. None makes a new one, with which the call is
                retried.
        """
        request = methods.REGISTER.request(
            session_id=session_id,
            profile_id=profile_id,
            device=device,
            target_url=target_url,
            proxy=proxy,
            country=country,
            request_id=request_id or new_key(),
        )
        return await self._register(request, timeout, headers)

    async def end(
        self,
        *,
        session_id: str,
        success: bool,
        duration: float | None = None,
        error: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> session_service_pb2.EndSessionResponse:
        """Ends a session. It counts once.

        Errors: INVALID_ARGUMENT; NOT_FOUND; FAILED_PRECONDITION with ERROR_REASON_SESSION_ENDED.

        Args:
            session_id: Its id.
            success: Whether it did what it was to do.
            duration: Seconds it took, at most 30 days. Unset means from its registration until now.
            error: Why it failed.
        """
        request = methods.END.request(
            session_id=session_id,
            success=success,
            duration=duration,
            error=error,
        )
        return await self._end(request, timeout, headers)

    async def delete(
        self,
        session_id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> session_service_pb2.DeleteSessionResponse:
        """Deletes a session with its events. Totals and the figures of its proxy no longer hold it.

        Errors: NOT_FOUND.

        Args:
            session_id: Its id.
        """
        request = methods.DELETE.request(
            session_id=session_id,
        )
        return await self._delete(request, timeout, headers)

    def export(
        self,
        *,
        status: enums.TelemetrySessionStatus | None = None,
        country: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Download:
        """All sessions that match as CSV, newest first, streamed. Columns: session_id, profile_id, device, start_time, proxy,

        country, status, duration, success. Cells that a spreadsheet would take for a formula begin with an apostrophe.
        Errors: INVALID_ARGUMENT.

        Args:
            status: Only this status.
            country: Only this country code.
        """
        request = methods.EXPORT.request(
            status=enums.TelemetrySessionStatus_NUMBERS.get(status, status),
            country=country,
        )
        return Download(self._connection.stream(methods.EXPORT, request, timeout, headers))

    def watch(
        self,
        *,
        after: str | None = None,
        session_id: str | None = None,
        types: Sequence[enums.TelemetryWatchResponseType] | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Stream[live_service_pb2.WatchResponse]:
        """Follows sessions, events and totals from now on, or from behind `after`. A reader that is slower than things happen is

        told of the gap.
        Errors: INVALID_ARGUMENT for an `after` that is no cursor.

        Args:
            after: `cursor` of the last message that was seen. What is no longer kept is told as a gap.
            session_id: Only this session; totals come all the same.
            types: Only these types.
        """
        request = methods.WATCH.request(
            after=after,
            session_id=session_id,
            types=[enums.TelemetryWatchResponseType_NUMBERS.get(each, each) for each in types or ()],
        )
        return self._connection.stream(methods.WATCH, request, timeout, headers)
