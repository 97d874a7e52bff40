"""`client.metrics`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from google.protobuf import timestamp_pb2
from switchyard.orchestrator.v1 import live_service_pb2
from switchyard.orchestrator.v1 import metrics_service_pb2
from switchyard.orchestrator.v1 import robot_pb2

from ... import content
from ...sync.connection import Connection
from ...sync.download import Download
from ...sync.pages import Pages
from ...sync.stream import Stream
from ...keys import new_key
from .. import enums
from ..methods import metrics as methods


class Metrics:
    """What the fleet does, in numbers."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._get_fleet_metrics = connection.unary(methods.GET_FLEET_METRICS)
        self._list_robot_metrics = connection.unary(methods.LIST_ROBOT_METRICS)
        self._get_robot_metrics = connection.unary(methods.GET_ROBOT_METRICS)
        self._get_analytics = connection.unary(methods.GET_ANALYTICS)
        self._list_activity = connection.unary(methods.LIST_ACTIVITY)
        self._check_metrics = connection.unary(methods.CHECK_METRICS)

    def get_fleet_metrics(
        self,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> metrics_service_pb2.GetFleetMetricsResponse:
        """Counts robots and jobs, now and today (UTC)."""
        request = methods.GET_FLEET_METRICS.request(
        )
        return self._get_fleet_metrics(request, timeout, headers)

    def list_robot_metrics(
        self,
        *,
        status: enums.OrchestratorRobotStatus | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Sequence[robot_pb2.Robot]:
        """Lists robots by id.

        Errors: INVALID_ARGUMENT for a status that does not exist.

        Args:
            status: Only those. Unspecified means all.
        """
        request = methods.LIST_ROBOT_METRICS.request(
            status=enums.OrchestratorRobotStatus_NUMBERS.get(status, status),
        )
        return (self._list_robot_metrics(request, timeout, headers)).robots

    def get_robot_metrics(
        self,
        robot_id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> metrics_service_pb2.GetRobotMetricsResponse:
        """Reads the figures of one robot.

        Errors: NOT_FOUND "Robot <id> not found"; INVALID_ARGUMENT for an id that cannot be one.

        Args:
            robot_id: Its id.
        """
        request = methods.GET_ROBOT_METRICS.request(
            robot_id=robot_id,
        )
        return self._get_robot_metrics(request, timeout, headers)

    def get_analytics(
        self,
        *,
        days: int | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> metrics_service_pb2.GetAnalyticsResponse:
        """Sums up the jobs that ended within a number of days.

        Errors: INVALID_ARGUMENT.

        Args:
            days: Days back from now, 1 to 90. Unset means 7.
        """
        request = methods.GET_ANALYTICS.request(
            days=days,
        )
        return self._get_analytics(request, timeout, headers)

    def list_activity(
        self,
        *,
        limit: int | None = None,
        since: datetime.datetime | timestamp_pb2.Timestamp | None = None,
        event_type: enums.OrchestratorActivityEventType | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> metrics_service_pb2.ListActivityResponse:
        """Lists what has happened, the newest first.

        Errors: INVALID_ARGUMENT.

        Args:
            limit: At most this many. Unset means 50.
            since: Only those after this time.
            event_type: Only those. Unspecified means all.
        """
        request = methods.LIST_ACTIVITY.request(
            limit=limit,
            since=since,
            event_type=enums.OrchestratorActivityEventType_NUMBERS.get(event_type, event_type),
        )
        return self._list_activity(request, timeout, headers)

    def check_metrics(
        self,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> metrics_service_pb2.CheckMetricsResponse:
        """Counts all jobs anew and compares that with the sums the figures are read from. Reads every job: not for dashboards."""
        request = methods.CHECK_METRICS.request(
        )
        return self._check_metrics(request, timeout, headers)

    def watch_queue(
        self,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Stream[live_service_pb2.WatchQueueResponse]:
        """Sends the depth of the queue when the stream opens, then every 5 s."""
        request = methods.WATCH_QUEUE.request(
        )
        return self._connection.stream(methods.WATCH_QUEUE, request, timeout, headers)
