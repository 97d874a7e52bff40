"""The health of every proxy, kept in memory: judging a proxy reads all its sites, too much for each lease."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import sqlalchemy as sa

from server.clock import SECOND
from server.database.database import Database
from server.telemetry.proxies import proxy_health, proxy_store
from server.telemetry.proxies.proxy_health import Health

# What has happened to the siblings counts after so long, what has happened to the proxy itself at once.
FRESH_MICROS: Final = 10 * SECOND
# So many that are older are judged again at once, so that no lease waits for all of them.
STALE_AT_ONCE: Final = 50
BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Judged:
    """What a proxy amounted to at `time`, when `ended` of its sessions had ended."""

    health: Health
    ended: int
    time: int


class Judgements:
    """Judges proxies, and again those whose sessions have ended since."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._judged: Mapping[int, Judged] = {}

    async def all(self, *, now: int) -> Mapping[int, Health]:
        """Return the health of each proxy by its number, as it is at `now` or was a little while before."""
        self._judged = await self._database.scan(lambda connection: self._renewed(connection, now))
        return {proxy_id: one.health for proxy_id, one in self._judged.items()}

    def _renewed(self, connection: sa.Connection, now: int) -> dict[int, Judged]:
        ended = proxy_store.ended_sessions(connection)
        kept = {proxy_id: one for proxy_id, one in self._judged.items() if ended.get(proxy_id) == one.ended}
        aged = sorted((one.time, proxy_id) for proxy_id, one in kept.items() if one.time <= now - FRESH_MICROS)
        again = [*(ended.keys() - kept.keys()), *(proxy_id for _, proxy_id in islice(aged, STALE_AT_ONCE))]
        fresh = {
            proxy_id: Judged(health, ended[proxy_id], now) for proxy_id, health in _judge(connection, again, now=now)
        }
        return kept | fresh


def _judge(connection: sa.Connection, proxy_ids: Sequence[int], *, now: int) -> Iterator[tuple[int, Health]]:
    for start in range(0, len(proxy_ids), BATCH):
        batch = proxy_ids[start : start + BATCH]
        figures = proxy_store.site_figures(connection, batch, now=now)
        for proxy_id in batch:
            yield proxy_id, proxy_health.judge(figures.get(proxy_id, ()))
