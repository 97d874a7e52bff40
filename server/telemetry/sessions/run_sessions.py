"""Browser sessions of our own bots: a run that has ended has no session that is active."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import sqlalchemy as sa

from server.errors import NotFound, SessionEnded
from server.tasks.task import NewTask, TaskRow
from server.telemetry.sessions import session_store

ERROR: Final = "the run ended without a word of its browser"


def on_run_final(connection: sa.Connection, run: TaskRow, now: int) -> Sequence[NewTask]:
    """End what the workers of the Run have left active, because they died. A final hook of the kernel."""
    for attempt in range(1, run.attempt + 1):
        with suppress(NotFound, SessionEnded):
            session_store.end(
                connection, session_id(run.id, attempt), success=False, duration_micros=None, error=ERROR, now=now
            )
    return ()


def session_id(run_id: str, attempt: int) -> str:
    """The session of one attempt, as workers name it."""
    return f"{run_id}-{attempt}"
