"""All sessions as CSV, piece by piece: whoever reads slowly makes the next page wait, not the memory grow."""

from collections.abc import AsyncGenerator, Iterator
from functools import partial
from typing import Final

import sqlalchemy as sa

from server import csv_text
from server.clock import SECOND
from server.csv_text import time_cell
from server.database.database import Database
from server.telemetry.sessions import session_list
from server.telemetry.sessions.session_list import Filters
from server.telemetry.sessions.session_store import SessionRow
from switchyard.telemetry.v1.session_pb2 import Session

# Source: the comment of ExportSessions.
COLUMNS: Final = (
    "session_id",
    "profile_id",
    "device",
    "start_time",
    "proxy",
    "country",
    "status",
    "duration",
    "success",
)
PAGE_ROWS: Final = 1_000

STATUS_WORDS: Final = {
    Session.STATUS_ACTIVE: "active",
    Session.STATUS_COMPLETED: "completed",
    Session.STATUS_FAILED: "failed",
}
_SUCCESS_WORDS: Final = {True: "true", False: "false", None: ""}


async def pieces(database: Database, filters: Filters) -> AsyncGenerator[bytes, None]:
    """Yield the file in pieces of at most 64 KiB: the header, then the sessions that pass the filters, newest first."""
    yield csv_text.lines([COLUMNS]).encode()
    before: int | None = None
    while True:
        text, before = await database.crawl(partial(_page, filters=filters, before=before))
        for piece in csv_text.in_pieces(text.encode()):
            yield piece
        if before is None:
            return


def _page(connection: sa.Connection, filters: Filters, before: int | None) -> tuple[str, int | None]:
    """The lines of a page, and the number behind which the next one begins; None when there is none."""
    rows = session_list.read_before(connection, filters, before, limit=PAGE_ROWS)
    full = len(rows) == PAGE_ROWS
    return csv_text.lines(_cells(row) for row in rows), rows[-1].number if full else None


def _cells(row: SessionRow) -> Iterator[str]:
    """The cells of one session, in the order of `COLUMNS`."""
    yield row.id
    yield row.profile_id
    yield row.device or ""
    yield time_cell(row.start_time)
    yield row.proxy or ""
    yield row.country or ""
    yield STATUS_WORDS[row.status]
    yield "" if row.duration_micros is None else str(row.duration_micros / SECOND)
    yield _SUCCESS_WORDS[row.success]
