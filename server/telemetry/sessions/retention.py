"""Removes what is kept for long enough: ended sessions with their events, the oldest first, by age and by number."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
import structlog

from server.clock import SECOND, Clock
from server.database.away import BREAKS
from server.database.database import Database
from server.telemetry.live.hub import Hub
from server.telemetry.proxies import proxy_store
from server.telemetry.sessions.session_removal import remove_session
from server.telemetry.statistics import counts
from server.telemetry.tables import BROWSER_SESSIONS, EVENT_PRODUCERS
from switchyard.telemetry.v1.session_pb2 import Session

DAY_MICROS: Final = 24 * 3600 * SECOND
PERIOD_SECONDS: Final = 300.0
# After each session, so that nobody who writes waits long.
PAUSE_SECONDS: Final = 0.02
# A producer that was silent for so long begins anew.
PRODUCER_DAYS: Final = 30
# Sessions looked up at once.
AT_ONCE: Final = 100

log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is kept; 0 keeps everything."""

    days: int = 0
    sessions: int = 0
    events: int = 0


class Retention:
    """Removes at start and then every five minutes, for as long as `run` runs."""

    def __init__(self, database: Database, hub: Hub, clock: Clock, limits: Limits) -> None:
        self._database = database
        self._hub = hub
        self._clock = clock
        self._limits = limits

    async def run(self) -> None:
        """Remove until cancelled."""
        while True:
            try:
                removed = await self.remove()
                if removed:
                    log.info("old sessions were removed", sessions=removed)
            except BREAKS:
                log.warning("removing old sessions was broken off; the next turn goes on", exc_info=True)
            await asyncio.sleep(PERIOD_SECONDS)

    async def remove(self) -> int:
        """Remove what is beyond the limits now, and return how many sessions that were."""
        now = self._clock()
        await self._database.write(lambda connection: proxy_store.forget_sites(connection, now=now))
        silent = {"oldest": now - PRODUCER_DAYS * DAY_MICROS}
        await self._database.write(lambda connection: connection.execute(_FORGET_PRODUCERS, silent))
        count = 0
        while numbers := await self._database.crawl(self._beyond):
            for number in numbers:
                count += await remove_session(self._database, number)
                self._hub.totals_changed()
                await asyncio.sleep(PAUSE_SECONDS)
        return count

    def _beyond(self, connection: sa.Connection) -> Sequence[int]:
        """Return the oldest ended sessions that have to go, some of them, by number."""
        ended_before = self._clock() - self._limits.days * DAY_MICROS if self._limits.days else 0
        excess = self._excess(connection)
        # Within the limits of number, only age counts; beyond them any ended session may go.
        condition = _ENDED if excess else sa.and_(_ENDED, BROWSER_SESSIONS.c.end_time < ended_before)
        query = sa.select(BROWSER_SESSIONS.c.number).where(condition).order_by(BROWSER_SESSIONS.c.number)
        return connection.execute(query.limit(excess or AT_ONCE)).scalars().all()

    def _excess(self, connection: sa.Connection) -> int:
        """How many sessions may go at once because there are too many, or too many events; at most `AT_ONCE`."""
        totals = counts.read_totals(connection)
        sessions = totals.sessions - self._limits.sessions if self._limits.sessions else 0
        return min(AT_ONCE, max(0, sessions, int(self._too_many_events(connection, totals.events))))

    def _too_many_events(self, connection: sa.Connection, events: int) -> bool:
        """Whether ended sessions hold too many events. Those of active ones have to stay, however many they are."""
        if not self._limits.events or events <= self._limits.events:
            return False
        return events - int(connection.execute(_ACTIVE_EVENTS).scalar_one()) > self._limits.events


_ACTIVE_EVENTS: Final = sa.select(sa.func.coalesce(sa.func.sum(BROWSER_SESSIONS.c.event_count), 0)).where(
    BROWSER_SESSIONS.c.status == Session.STATUS_ACTIVE
)
_FORGET_PRODUCERS: Final = sa.delete(EVENT_PRODUCERS).where(EVENT_PRODUCERS.c.update_time < sa.bindparam("oldest"))
_ENDED: Final = BROWSER_SESSIONS.c.status.in_([int(Session.STATUS_COMPLETED), int(Session.STATUS_FAILED)])
