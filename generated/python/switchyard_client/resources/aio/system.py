"""`client.system`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from google.api import httpbody_pb2
from switchyard.system.v1 import system_service_pb2

from ... import content
from ...aio.connection import Connection
from ...aio.download import Download
from ...aio.pages import Pages
from ...aio.stream import Stream
from ...keys import new_key
from .. import enums
from ..methods import system as methods


class System:
    """The server itself."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._get_server_info = connection.unary(methods.GET_SERVER_INFO)
        self._get_metrics = connection.unary(methods.GET_METRICS)
        self._get_console = connection.unary(methods.GET_CONSOLE)

    async def get_server_info(
        self,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> system_service_pb2.GetServerInfoResponse:
        """Describes this server and counts the work it has."""
        request = methods.GET_SERVER_INFO.request(
        )
        return await self._get_server_info(request, timeout, headers)

    async def get_metrics(
        self,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpbody_pb2.HttpBody:
        """The metrics of this process in the text format of Prometheus."""
        request = methods.GET_METRICS.request(
        )
        return await self._get_metrics(request, timeout, headers)

    async def get_console(
        self,
        *,
        name: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpbody_pb2.HttpBody:
        """Sends the page, or one of the files it is made of.

        Errors: NOT_FOUND.

        Args:
            name: Name of the file. Empty means the page.
        """
        request = methods.GET_CONSOLE.request(
            name=name,
        )
        return await self._get_console(request, timeout, headers)
