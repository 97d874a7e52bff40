"""What the clients must know of the rpcs of `metrics`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

from typing import Final

from switchyard.orchestrator.v1 import live_service_pb2
from switchyard.orchestrator.v1 import metrics_service_pb2

from ... import paging, resume
from ...method import Method, Paged

GET_FLEET_METRICS: Final = Method("/switchyard.orchestrator.v1.MetricsService/GetFleetMetrics", metrics_service_pb2.GetFleetMetricsRequest, metrics_service_pb2.GetFleetMetricsResponse, repeatable=True)
LIST_ROBOT_METRICS: Final = Method("/switchyard.orchestrator.v1.MetricsService/ListRobotMetrics", metrics_service_pb2.ListRobotMetricsRequest, metrics_service_pb2.ListRobotMetricsResponse, repeatable=True)
GET_ROBOT_METRICS: Final = Method("/switchyard.orchestrator.v1.MetricsService/GetRobotMetrics", metrics_service_pb2.GetRobotMetricsRequest, metrics_service_pb2.GetRobotMetricsResponse, repeatable=True)
GET_ANALYTICS: Final = Method("/switchyard.orchestrator.v1.MetricsService/GetAnalytics", metrics_service_pb2.GetAnalyticsRequest, metrics_service_pb2.GetAnalyticsResponse, repeatable=True)
LIST_ACTIVITY: Final = Method("/switchyard.orchestrator.v1.MetricsService/ListActivity", metrics_service_pb2.ListActivityRequest, metrics_service_pb2.ListActivityResponse, repeatable=True)
CHECK_METRICS: Final = Method("/switchyard.orchestrator.v1.MetricsService/CheckMetrics", metrics_service_pb2.CheckMetricsRequest, metrics_service_pb2.CheckMetricsResponse, repeatable=True)
WATCH_QUEUE: Final = Method("/switchyard.orchestrator.v1.LiveService/WatchQueue", live_service_pb2.WatchQueueRequest, live_service_pb2.WatchQueueResponse, repeatable=True, resumes=resume.from_present)
