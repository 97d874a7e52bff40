"""Ends sessions whose client has died: nothing was heard of them for longer than `SESSION_TTL_SECONDS`."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import sqlalchemy as sa
import structlog

from server.clock import SECOND, Clock
from server.database.after_commit import after_commit
from server.database.away import BREAKS, is_hindered
from server.database.database import Database
from server.errors import NotFound, SessionEnded
from server.telemetry.live.hub import Hub
from server.telemetry.sessions import session_store
from server.telemetry.sessions.session_store import SessionRow
from server.telemetry.tables import BROWSER_SESSIONS
from switchyard.telemetry.v1.session_pb2 import Session

LONGEST_PAUSE_SECONDS: Final = 60.0
# Sessions ended in one unit of work.
AT_ONCE: Final = 100
ERROR: Final = "expired"

log: Final = structlog.get_logger(__name__)


class Expiry:
    """Looks for such sessions, for as long as `run` runs. Several servers may look: each session ends once."""

    def __init__(self, database: Database, hub: Hub, clock: Clock, *, ttl_seconds: int) -> None:
        self._database = database
        self._hub = hub
        self._clock = clock
        self._ttl_seconds = ttl_seconds
        self._told: set[str] = set()

    async def run(self) -> None:
        """End such sessions until cancelled, each within a minute of its time."""
        while True:
            try:
                await self.end_silent()
            except BREAKS:
                log.warning("looking for silent sessions failed; the next turn goes on", exc_info=True)
            await asyncio.sleep(min(LONGEST_PAUSE_SECONDS, self._ttl_seconds / 4))

    async def end_silent(self) -> int:
        """End the sessions that are silent for too long now, and return how many there were.

        One that cannot be ended holds up no other; it is told in the log once, and tried again each time.
        """
        now = self._clock()
        silent_since = now - self._ttl_seconds * SECOND
        count, behind = 0, 0
        while found := await self._database.scan(partial(_silent, silent_since=silent_since, behind=behind)):
            work = partial(self._expire_all, silent_since=silent_since, now=now)
            count += await self._end([session_id for _, session_id in found], work)
            behind = found[-1][0]
        return count

    async def _end(self, ids: Sequence[str], work: Callable[[sa.Connection, Sequence[str]], int]) -> int:
        """Do `work` for all of `ids` at once, or one by one if that fails; return how many sessions were ended."""
        try:
            return await self._database.write(lambda connection: work(connection, ids))
        except Exception as error:
            # What is wrong with a row cannot be foreseen.
            if is_hindered(error):
                raise
            if len(ids) == 1:
                self._tell_once(ids[0])
                return 0
        return sum([await self._end([session_id], work) for session_id in ids])

    def _expire_all(self, connection: sa.Connection, ids: Sequence[str], *, silent_since: int, now: int) -> int:
        ended = [expire(connection, session_id, silent_since=silent_since, now=now) for session_id in ids]
        sessions = [session for session in ended if session is not None]
        for session in sessions:
            after_commit(connection, partial(self._hub.session_ended, session))
        return len(sessions)

    def _tell_once(self, session_id: str) -> None:
        if session_id not in self._told:
            self._told.add(session_id)
            log.exception("a silent session cannot be ended", session_id=session_id)


def expire(connection: sa.Connection, session_id: str, *, silent_since: int, now: int) -> SessionRow | None:
    """End a session of which nothing was heard since then; None when that is no longer so."""
    session = session_store.get(connection, session_id)
    if session is None or (session.last_event_time or session.start_time) >= silent_since:
        return None
    try:
        return session_store.end(connection, session_id, success=False, duration_micros=None, error=ERROR, now=now)
    except (NotFound, SessionEnded):
        return None


def _silent(connection: sa.Connection, *, silent_since: int, behind: int) -> list[tuple[int, str]]:
    """The numbers and ids of some silent sessions, the oldest of those with a number above `behind`."""
    found = connection.execute(_SILENT, {"silent_since": silent_since, "behind": behind})
    return [(number, session_id) for number, session_id in found]


_SILENT: Final = (
    sa.select(BROWSER_SESSIONS.c.number, BROWSER_SESSIONS.c.id)
    .where(
        BROWSER_SESSIONS.c.status == Session.STATUS_ACTIVE,
        BROWSER_SESSIONS.c.number > sa.bindparam("behind"),
        sa.func.coalesce(BROWSER_SESSIONS.c.last_event_time, BROWSER_SESSIONS.c.start_time)
        < sa.bindparam("silent_since"),
    )
    .order_by(BROWSER_SESSIONS.c.number)
    .limit(AT_ONCE)
)
