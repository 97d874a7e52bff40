"""All events as CSV, piece by piece: whoever reads slowly makes the next page wait, not the memory grow."""

from collections.abc import AsyncGenerator, Iterator
from functools import partial
from typing import Final

import sqlalchemy as sa

from server import csv_text
from server.csv_text import time_cell
from server.database.database import Database
from server.telemetry.events import event_store
from server.telemetry.events.event_store import Filters, StoredEvent

# Source: the comment of ExportEvents.
COLUMNS: Final = ("id", "session_id", "event_type", "timestamp", "details")
# Details may have 64 KiB each.
PAGE_ROWS: Final = 200


async def pieces(database: Database, filters: Filters) -> AsyncGenerator[bytes, None]:
    """Yield the file in pieces of at most 64 KiB: the header, then the events that pass the filters, oldest first.

    It ends with the newest event there was at the beginning, however many come meanwhile.
    """
    yield csv_text.lines([COLUMNS]).encode()
    newest = await database.read(event_store.newest_id)
    number: int | None = 0
    while number is not None:
        page = partial(_page, filters=filters, number=number, newest=newest)
        text, number = await database.crawl(page)
        for piece in csv_text.in_pieces(text.encode()):
            yield piece


def _page(connection: sa.Connection, filters: Filters, number: int, newest: int) -> tuple[str, int | None]:
    """The lines of the page behind event `number`, and the number of its last event; None when it is the last page."""
    rows = event_store.after(connection, filters, number, limit=PAGE_ROWS, last=newest)
    full = len(rows) == PAGE_ROWS
    return csv_text.lines(_cells(row) for row in rows), rows[-1].id if full else None


def _cells(row: StoredEvent) -> Iterator[str]:
    """The cells of one event, in the order of `COLUMNS`."""
    yield str(row.id)
    yield row.session_id
    yield row.event_type
    yield time_cell(row.time)
    yield row.details
