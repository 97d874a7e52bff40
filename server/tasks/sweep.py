"""What has to happen by itself: leases that run out, and work whose announcement was lost or was not due yet."""

import asyncio
from typing import Final

import structlog

from server.clock import SECOND
from server.database.away import BREAKS
from server.tasks.kernel import Kernel

INTERVAL_SECONDS: Final = 1.0

log = structlog.get_logger(__name__)


class Sweep:
    """Looks after the Tasks of `kernel` once in a while.

    Several servers may sweep one database: a lease is taken back once, and waking a worker twice does no harm.
    """

    def __init__(self, kernel: Kernel, *, interval_seconds: float = INTERVAL_SECONDS) -> None:
        self._kernel = kernel
        self._interval_seconds = interval_seconds

    async def run(self) -> None:
        """Sweep until cancelled.

        Begins by giving every live lease a whole term: workers could not renew while we were away. The same holds when
        a sweep comes late, because the machine slept or the database was away.
        """
        last: int | None = None
        while True:
            try:
                if last is None or self._kernel.clock() - last > self._kernel.lease_seconds / 2 * SECOND:
                    log.info("leases extended", leases=await self._kernel.extend_leases())
                await self.tick()
                last = self._kernel.clock()
            except BREAKS:
                log.exception("sweep failed; the next one follows")
            await asyncio.sleep(self._interval_seconds)

    async def tick(self) -> None:
        """Take back leases that ran out, then wake workers for what waits and is due."""
        while expired := await self._kernel.expire_leases():
            log.warning("leases ran out", leases=expired)
        await self._kernel.announce_waiting()
