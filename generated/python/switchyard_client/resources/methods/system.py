"""What the clients must know of the rpcs of `system`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

from typing import Final

from google.api import httpbody_pb2
from switchyard.system.v1 import console_service_pb2
from switchyard.system.v1 import system_service_pb2

from ... import paging, resume
from ...method import Method, Paged

GET_SERVER_INFO: Final = Method("/switchyard.system.v1.SystemService/GetServerInfo", system_service_pb2.GetServerInfoRequest, system_service_pb2.GetServerInfoResponse, repeatable=True)
GET_METRICS: Final = Method("/switchyard.system.v1.SystemService/GetMetrics", system_service_pb2.GetMetricsRequest, httpbody_pb2.HttpBody, repeatable=True)
GET_CONSOLE: Final = Method("/switchyard.system.v1.ConsoleService/GetConsole", console_service_pb2.GetConsoleRequest, httpbody_pb2.HttpBody, repeatable=True)
