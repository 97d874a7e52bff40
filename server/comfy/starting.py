"""Waits until a session takes calls, or says why it never will."""

import time
from typing import Final

from server.comfy import session_store, session_view
from server.comfy.session_row import SessionRow, Standing, standing
from server.database.database import Database
from server.errors import (
    BrowserGone,
    ComfyRefused,
    ComfyUnreachable,
    NoBrowser,
    NoCapacity,
    NoSession,
    PortTaken,
    SwitchyardError,
)
from server.tasks.kernel import LOOK_SECONDS, Kernel
from switchyard.tasks.v1.task_pb2 import Task

# From the claim to the first call: a Chromium has to start and to load ComfyUI's page.
READY_SECONDS: Final = 120.0


class Starting:
    """Waits for sessions to be ready."""

    def __init__(self, database: Database, kernel: Kernel, *, wait_seconds: float) -> None:
        """Wait at most `wait_seconds` for a worker."""
        self._database = database
        self._kernel = kernel
        self._wait_seconds = wait_seconds

    async def until_ready(self, session_id: str) -> SessionRow:
        """Return the session once it takes calls, also if it did so and is over by now.

        Raises:
            NoCapacity: no worker took it in time.
            PortTaken, ComfyUnreachable, ComfyRefused, NoBrowser: its worker says so.
            BrowserGone: its worker was lost, or says nothing.
            NoSession: it was stopped meanwhile.
        """
        begin = time.monotonic()
        with self._kernel.changes.watch(session_id) as watch:
            while True:
                row = await self._database.read(lambda connection: session_store.get(connection, session_id))
                if row is None:
                    raise BrowserGone("the session was deleted")
                waited = time.monotonic() - begin
                if self._ready(row, waited):
                    return row
                await watch.wait(min(LOOK_SECONDS, self._allowed(row) - waited))

    def _ready(self, row: SessionRow, waited: float) -> bool:
        """Whether a session takes calls, or did. Raises when it will not, or not in time."""
        if row.ready_time is not None:
            return True
        if standing(row) is Standing.OVER:
            raise _refusal(row)
        if waited < self._allowed(row):
            return False
        if row.state == Task.STATE_QUEUED:
            raise NoCapacity("No worker is free to hold a session. Start one, or stop a session", session=row.name)
        raise BrowserGone(f"it was not ready within {READY_SECONDS:g} s")

    def _allowed(self, row: SessionRow) -> float:
        """Return how many seconds a session has to get where it has to be next."""
        return self._wait_seconds + (0.0 if row.state == Task.STATE_QUEUED else READY_SECONDS)


def _refusal(row: SessionRow) -> SwitchyardError:
    """Return what whoever starts a session is told of its end, in the words of its worker."""
    if row.state == Task.STATE_CANCELLED:
        return NoSession(row.name)
    match row.error_type:
        case "PortTaken":
            return PortTaken(row.error_message, session=row.name)
        case "ComfyUnreachable":
            return ComfyUnreachable(row.error_message, session=row.name)
        case "ComfyRefused":
            return ComfyRefused(row.error_message, session=row.name)
        case "ConfigInvalid":
            return NoBrowser(row.error_message, session=row.name)
    return BrowserGone(session_view.reason(row))
