"""What the clients must know of the rpcs of `audit`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

from typing import Final

from google.api import httpbody_pb2
from switchyard.auth.v1 import audit_service_pb2

from ... import paging, resume
from ...method import Method, Paged

LIST: Final = Paged(Method("/switchyard.auth.v1.AuditService/ListAuditEntries", audit_service_pb2.ListAuditEntriesRequest, audit_service_pb2.ListAuditEntriesResponse, repeatable=True), "entries", paging.by_token)
EXPORT: Final = Method("/switchyard.auth.v1.AuditService/ExportAuditEntries", audit_service_pb2.ExportAuditEntriesRequest, httpbody_pb2.HttpBody, repeatable=True)
