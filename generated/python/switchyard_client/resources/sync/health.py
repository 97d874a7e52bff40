"""`client.health`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from switchyard.orchestrator.v1 import health_service_pb2

from ... import content
from ...sync.connection import Connection
from ...sync.download import Download
from ...sync.pages import Pages
from ...sync.stream import Stream
from ...keys import new_key
from .. import enums
from ..methods import health as methods


class Health:
    """Whether the orchestrator is well."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._get_health = connection.unary(methods.GET_HEALTH)
        self._get_detailed_health = connection.unary(methods.GET_DETAILED_HEALTH)
        self._get_readiness = connection.unary(methods.GET_READINESS)
        self._get_liveness = connection.unary(methods.GET_LIVENESS)

    def get_health(
        self,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> health_service_pb2.GetHealthResponse:
        """Says that the server answers."""
        request = methods.GET_HEALTH.request(
        )
        return self._get_health(request, timeout, headers)

    def get_detailed_health(
        self,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> health_service_pb2.GetDetailedHealthResponse:
        """Says how the parts fare that the server needs."""
        request = methods.GET_DETAILED_HEALTH.request(
        )
        return self._get_detailed_health(request, timeout, headers)

    def get_readiness(
        self,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> health_service_pb2.GetReadinessResponse:
        """Says whether requests can be served. Answered with HTTP status 503 while they cannot."""
        request = methods.GET_READINESS.request(
        )
        return self._get_readiness(request, timeout, headers)

    def get_liveness(
        self,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> health_service_pb2.GetLivenessResponse:
        """Says that the process is alive."""
        request = methods.GET_LIVENESS.request(
        )
        return self._get_liveness(request, timeout, headers)
