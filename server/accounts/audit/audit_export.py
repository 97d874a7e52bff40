"""Entries as CSV, piece by piece: whoever reads slowly makes the next page wait, not the memory grow."""

from collections.abc import AsyncGenerator, Iterator
from functools import partial
from typing import Final

import sqlalchemy as sa

from server import csv_text
from server.accounts.audit import audit_store
from server.accounts.audit.audit_store import Filters, StoredEntry
from server.accounts.roles import names_of
from server.database.database import Database
from switchyard.auth.v1.audit_service_pb2 import AuditEntry

# Source: the comment of ExportAuditEntries.
COLUMNS: Final = (
    "entry_id",
    "timestamp",
    "actor",
    "role",
    "tenant_id",
    "address",
    "action",
    "resource",
    "outcome",
    "reason",
    "request_id",
    "count",
)
PAGE_ROWS: Final = 1_000

OUTCOME_WORDS: Final = {AuditEntry.OUTCOME_DONE: "done", AuditEntry.OUTCOME_DENIED: "denied"}


async def pieces(database: Database, filters: Filters) -> AsyncGenerator[bytes, None]:
    """Yield the file in pieces of at most 64 KiB: the header, then the entries that pass the filters, oldest first.

    It ends with the newest entry there was at the beginning, however many come meanwhile.
    """
    yield csv_text.lines([COLUMNS]).encode()
    last = await database.read(audit_store.last_number)
    behind: int | None = 0
    while behind is not None:
        text, behind = await database.scan(partial(_page, filters=filters, behind=behind, last=last))
        for piece in csv_text.in_pieces(text.encode()):
            yield piece


def _page(connection: sa.Connection, filters: Filters, behind: int, last: int) -> tuple[str, int | None]:
    """The lines of the page behind place `behind`, and the place of its last entry; None when it is the last page."""
    rows = audit_store.oldest(connection, filters, behind=behind, last=last, limit=PAGE_ROWS)
    full = len(rows) == PAGE_ROWS
    return csv_text.lines(_cells(row) for row in rows), rows[-1].number if full else None


def _cells(row: StoredEntry) -> Iterator[str]:
    """The cells of one entry, in the order of `COLUMNS`."""
    entry = row.entry
    yield str(row.number)
    yield csv_text.time_cell(entry.time).replace("+00:00", "Z")
    yield entry.actor
    yield names_of([entry.role])[0] if entry.role else ""
    yield entry.tenant_id or ""
    yield entry.address
    yield entry.action
    yield entry.resource
    yield OUTCOME_WORDS[entry.outcome]
    yield entry.reason
    yield entry.request_id
    yield str(row.count)
