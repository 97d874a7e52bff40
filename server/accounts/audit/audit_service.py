"""AuditService: read the audit log. An admin of one tenant reads what was done on behalf of that tenant."""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

from google.api import httpbody_pb2

from server import csv_text
from server.accounts.audit import audit_export, audit_store
from server.accounts.audit.audit_store import Filters, StoredEntry
from server.clock import from_timestamp, to_timestamp
from server.database.database import Database
from server.database.text import storable
from server.errors import InvalidArgument
from server.rpc.caller import CALLER
from switchyard.auth.v1 import audit_service_pb2 as pb
from switchyard.auth.v1 import audit_service_pb2_grpc as pb_grpc

Context = Any

DEFAULT_PAGE: Final = 100
LARGEST_PAGE: Final = 1000
_PAGE_TOKEN: Final = re.compile(r"[1-9][0-9]{0,17}", re.ASCII).fullmatch


class AuditService(pb_grpc.AuditServiceServicer):
    """Lists and exports entries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ListAuditEntries(
        self, request: pb.ListAuditEntriesRequest, _context: Context
    ) -> pb.ListAuditEntriesResponse:
        """List entries, the newest first. The page token is the place of the last one of the page before."""
        if request.page_token and not _PAGE_TOKEN(request.page_token):
            raise InvalidArgument.field("page_token", "must be the next_page_token of an earlier page")
        before = int(request.page_token) if request.page_token else None
        size = min(request.page_size or DEFAULT_PAGE, LARGEST_PAGE)
        filters = _filters(request)
        # A filter that fits few entries makes it a long search.
        found = await self._database.scan(
            lambda connection: audit_store.newest(connection, filters, before=before, limit=size + 1)
        )
        page = found[:size]
        return pb.ListAuditEntriesResponse(
            entries=[to_message(row) for row in page],
            next_page_token=str(page[-1].number) if len(found) > size else "",
        )

    async def ExportAuditEntries(
        self, request: pb.ExportAuditEntriesRequest, context: Context
    ) -> AsyncGenerator[httpbody_pb2.HttpBody, None]:
        """Send all entries that match as CSV."""
        filters = _filters(request)
        await context.send_initial_metadata((("content-disposition", 'attachment; filename="audit.csv"'),))
        yield httpbody_pb2.HttpBody(content_type=csv_text.CONTENT_TYPE)
        async with aclosing(audit_export.pieces(self._database, filters)) as pieces:
            async for piece in pieces:
                yield httpbody_pb2.HttpBody(data=piece)


def to_message(row: StoredEntry) -> pb.AuditEntry:
    """Return the entry as the contract shows it."""
    entry = row.entry
    return pb.AuditEntry(
        entry_id=row.number,
        timestamp=to_timestamp(entry.time),
        actor=entry.actor,
        role=entry.role or None,
        tenant_id=entry.tenant_id,
        address=entry.address,
        action=entry.action,
        resource=entry.resource,
        outcome=entry.outcome,
        reason=entry.reason,
        request_id=entry.request_id,
        count=row.count,
    )


def _filters(request: pb.ListAuditEntriesRequest | pb.ExportAuditEntriesRequest) -> Filters:
    return Filters(
        tenant_id=CALLER.get().tenant_id,
        actor=storable(request.actor) or None,
        action=storable(request.action) or None,
        outcome=request.outcome or None,
        since=from_timestamp(request.since) if request.HasField("since") else None,
        until=from_timestamp(request.until) if request.HasField("until") else None,
    )
