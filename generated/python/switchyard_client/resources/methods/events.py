"""What the clients must know of the rpcs of `events`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

from typing import Final

from google.api import httpbody_pb2
from switchyard.telemetry.v1 import event_service_pb2

from ... import paging, resume
from ...method import Method, Paged

LIST: Final = Paged(Method("/switchyard.telemetry.v1.EventService/ListEvents", event_service_pb2.ListEventsRequest, event_service_pb2.ListEventsResponse, repeatable=True), "events", paging.by_cursor)
LOG: Final = Method("/switchyard.telemetry.v1.EventService/LogEvent", event_service_pb2.LogEventRequest, event_service_pb2.LogEventResponse, repeatable=True)
LOG_MANY: Final = Method("/switchyard.telemetry.v1.EventService/LogEvents", event_service_pb2.LogEventsRequest, event_service_pb2.LogEventsResponse, repeatable=True)
INGEST: Final = Method("/switchyard.telemetry.v1.EventService/IngestEvents", event_service_pb2.IngestEventsRequest, event_service_pb2.IngestEventsResponse)
EXPORT: Final = Method("/switchyard.telemetry.v1.EventService/ExportEvents", event_service_pb2.ExportEventsRequest, httpbody_pb2.HttpBody, repeatable=True)
