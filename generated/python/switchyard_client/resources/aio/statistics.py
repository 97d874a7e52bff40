"""`client.statistics`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from switchyard.telemetry.v1 import statistics_service_pb2

from ... import content
from ...aio.connection import Connection
from ...aio.download import Download
from ...aio.pages import Pages
from ...aio.stream import Stream
from ...keys import new_key
from .. import enums
from ..methods import statistics as methods


class Statistics:
    """Totals over browser sessions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._get_health = connection.unary(methods.GET_HEALTH)
        self._get = connection.unary(methods.GET)
        self._check = connection.unary(methods.CHECK)

    async def get_health(
        self,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> statistics_service_pb2.GetHealthResponse:
        """Whether the server answers, in a few words for anybody.

        Errors: UNAVAILABLE when the database does not answer.
        """
        request = methods.GET_HEALTH.request(
        )
        return await self._get_health(request, timeout, headers)

    async def get(
        self,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> statistics_service_pb2.GetStatisticsResponse:
        """Reads the totals over everything that is stored, and every proxy."""
        request = methods.GET.request(
        )
        return await self._get(request, timeout, headers)

    async def check(
        self,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> statistics_service_pb2.CheckStatisticsResponse:
        """Counts everything anew from the rows and compares it with the totals. Takes seconds for millions of rows and holds

        nobody up.
        """
        request = methods.CHECK.request(
        )
        return await self._check(request, timeout, headers)
