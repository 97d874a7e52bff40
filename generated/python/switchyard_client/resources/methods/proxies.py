"""What the clients must know of the rpcs of `proxies`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

from typing import Final

from switchyard.telemetry.v1 import proxy_service_pb2

from ... import paging, resume
from ...method import Method, Paged

GET_IP_STATUS: Final = Method("/switchyard.telemetry.v1.ProxyService/GetIpStatus", proxy_service_pb2.GetIpStatusRequest, proxy_service_pb2.GetIpStatusResponse, repeatable=True)
LIST: Final = Paged(Method("/switchyard.telemetry.v1.ProxyService/ListProxies", proxy_service_pb2.ListProxiesRequest, proxy_service_pb2.ListProxiesResponse, repeatable=True), "proxies", paging.by_number)
GET: Final = Method("/switchyard.telemetry.v1.ProxyService/GetProxy", proxy_service_pb2.GetProxyRequest, proxy_service_pb2.GetProxyResponse, repeatable=True)
CREATE: Final = Method("/switchyard.telemetry.v1.ProxyService/CreateProxy", proxy_service_pb2.CreateProxyRequest, proxy_service_pb2.CreateProxyResponse, repeatable=True)
UPDATE: Final = Method("/switchyard.telemetry.v1.ProxyService/UpdateProxy", proxy_service_pb2.UpdateProxyRequest, proxy_service_pb2.UpdateProxyResponse)
DELETE: Final = Method("/switchyard.telemetry.v1.ProxyService/DeleteProxy", proxy_service_pb2.DeleteProxyRequest, proxy_service_pb2.DeleteProxyResponse, repeatable=True)
GET_HEALTH: Final = Method("/switchyard.telemetry.v1.ProxyService/GetProxyHealth", proxy_service_pb2.GetProxyHealthRequest, proxy_service_pb2.GetProxyHealthResponse, repeatable=True)
LEASE: Final = Method("/switchyard.telemetry.v1.ProxyService/LeaseProxy", proxy_service_pb2.LeaseProxyRequest, proxy_service_pb2.LeaseProxyResponse, repeatable=True)
RELEASE: Final = Method("/switchyard.telemetry.v1.ProxyService/ReleaseProxy", proxy_service_pb2.ReleaseProxyRequest, proxy_service_pb2.ReleaseProxyResponse, repeatable=True)
