"""Ends sessions whose client has died: nothing was heard of them for longer than `SESSION_TTL_SECONDS`."""

import asyncio
from typing import Final

import sqlalchemy as sa
import structlog

from server.clock import SECOND, Clock
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

    async def run(self) -> None:
        """End such sessions until cancelled, each within a minute of its time."""
        while True:
            try:
                await self.end_silent()
            except (OSError, sa.exc.DBAPIError):
                log.warning("looking for silent sessions failed; the next turn goes on", exc_info=True)
            await asyncio.sleep(min(LONGEST_PAUSE_SECONDS, self._ttl_seconds / 4))

    async def end_silent(self) -> int:
        """End the sessions that are silent for too long now, and return how many there were."""
        count = 0
        while ended := await self._end_some():
            count += len(ended)
            for session in ended:
                self._hub.session_ended(session)
        return count

    async def _end_some(self) -> list[SessionRow]:
        now = self._clock()
        silent_since = now - self._ttl_seconds * SECOND
        ids = await self._database.scan(
            lambda connection: connection.execute(_SILENT, {"silent_since": silent_since}).scalars().all()
        )
        if not ids:
            return []

        def expire_all(connection: sa.Connection) -> list[SessionRow]:
            ended = (expire(connection, each, silent_since=silent_since, now=now) for each in ids)
            return [session for session in ended if session is not None]

        return await self._database.write(expire_all)


def expire(connection: sa.Connection, session_id: str, *, silent_since: int, now: int) -> SessionRow | None:
    """End a session of which nothing was heard since then; None when that is no longer so."""
    session = session_store.get(connection, session_id)
    if session is None or (session.last_event_time or session.start_time) >= silent_since:
        return None
    try:
        return session_store.end(connection, session_id, success=False, duration_micros=None, error=ERROR, now=now)
    except (NotFound, SessionEnded):
        return None


_SILENT: Final = (
    sa.select(BROWSER_SESSIONS.c.id)
    .where(
        BROWSER_SESSIONS.c.status == Session.STATUS_ACTIVE,
        sa.func.coalesce(BROWSER_SESSIONS.c.last_event_time, BROWSER_SESSIONS.c.start_time)
        < sa.bindparam("silent_since"),
    )
    .order_by(BROWSER_SESSIONS.c.number)
    .limit(AT_ONCE)
)
