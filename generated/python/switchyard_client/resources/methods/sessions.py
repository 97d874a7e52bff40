"""What the clients must know of the rpcs of `sessions`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

from typing import Final

from google.api import httpbody_pb2
from switchyard.telemetry.v1 import live_service_pb2
from switchyard.telemetry.v1 import session_service_pb2

from ... import paging, resume
from ...method import Method, Paged

LIST: Final = Paged(Method("/switchyard.telemetry.v1.SessionService/ListSessions", session_service_pb2.ListSessionsRequest, session_service_pb2.ListSessionsResponse, repeatable=True), "sessions", paging.by_cursor)
GET: Final = Method("/switchyard.telemetry.v1.SessionService/GetSession", session_service_pb2.GetSessionRequest, session_service_pb2.GetSessionResponse, repeatable=True)
REGISTER: Final = Method("/switchyard.telemetry.v1.SessionService/RegisterSession", session_service_pb2.RegisterSessionRequest, session_service_pb2.RegisterSessionResponse, repeatable=True)
END: Final = Method("/switchyard.telemetry.v1.SessionService/EndSession", session_service_pb2.EndSessionRequest, session_service_pb2.EndSessionResponse)
DELETE: Final = Method("/switchyard.telemetry.v1.SessionService/DeleteSession", session_service_pb2.DeleteSessionRequest, session_service_pb2.DeleteSessionResponse, repeatable=True)
EXPORT: Final = Method("/switchyard.telemetry.v1.SessionService/ExportSessions", session_service_pb2.ExportSessionsRequest, httpbody_pb2.HttpBody, repeatable=True)
WATCH: Final = Method("/switchyard.telemetry.v1.LiveService/Watch", live_service_pb2.WatchRequest, live_service_pb2.WatchResponse, repeatable=True, resumes=resume.behind_cursor)
