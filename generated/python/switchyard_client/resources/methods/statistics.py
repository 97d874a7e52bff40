"""What the clients must know of the rpcs of `statistics`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

from typing import Final

from switchyard.telemetry.v1 import statistics_service_pb2

from ... import paging, resume
from ...method import Method, Paged

GET_HEALTH: Final = Method("/switchyard.telemetry.v1.StatisticsService/GetHealth", statistics_service_pb2.GetHealthRequest, statistics_service_pb2.GetHealthResponse, repeatable=True)
GET: Final = Method("/switchyard.telemetry.v1.StatisticsService/GetStatistics", statistics_service_pb2.GetStatisticsRequest, statistics_service_pb2.GetStatisticsResponse, repeatable=True)
CHECK: Final = Method("/switchyard.telemetry.v1.StatisticsService/CheckStatistics", statistics_service_pb2.CheckStatisticsRequest, statistics_service_pb2.CheckStatisticsResponse, repeatable=True)
