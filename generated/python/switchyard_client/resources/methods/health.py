"""What the clients must know of the rpcs of `health`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

from typing import Final

from switchyard.orchestrator.v1 import health_service_pb2

from ... import paging, resume
from ...method import Method, Paged

GET_HEALTH: Final = Method("/switchyard.orchestrator.v1.HealthService/GetHealth", health_service_pb2.GetHealthRequest, health_service_pb2.GetHealthResponse, repeatable=True)
GET_DETAILED_HEALTH: Final = Method("/switchyard.orchestrator.v1.HealthService/GetDetailedHealth", health_service_pb2.GetDetailedHealthRequest, health_service_pb2.GetDetailedHealthResponse, repeatable=True)
GET_READINESS: Final = Method("/switchyard.orchestrator.v1.HealthService/GetReadiness", health_service_pb2.GetReadinessRequest, health_service_pb2.GetReadinessResponse, repeatable=True)
GET_LIVENESS: Final = Method("/switchyard.orchestrator.v1.HealthService/GetLiveness", health_service_pb2.GetLivenessRequest, health_service_pb2.GetLivenessResponse, repeatable=True)
