"""Browser sessions of our own bots: a run that has ended has no session that is active."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Final

import sqlalchemy as sa

from server.database.after_commit import after_commit
from server.errors import NotFound, SessionEnded
from server.tasks.task import NewTask, TaskRow
from server.telemetry.live.hub import Hub
from server.telemetry.sessions import session_store

ERROR: Final = "the run ended without a word of its browser"


class RunSessions:
    """Ends what the workers of a Run have left active, because they died."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def on_run_final(self, connection: sa.Connection, run: TaskRow, now: int) -> Sequence[NewTask]:
        """End the sessions of every attempt of `run`. A final hook of the kernel."""
        for attempt in range(1, run.attempt + 1):
            with suppress(NotFound, SessionEnded):
                ended = session_store.end(
                    connection, session_id(run.id, attempt), success=False, duration_micros=None, error=ERROR, now=now
                )
                after_commit(connection, partial(self._hub.session_ended, ended))
        return ()


def session_id(run_id: str, attempt: int) -> str:
    """The session of one attempt, as workers name it."""
    return f"{run_id}-{attempt}"
