"""Fires schedules of the database at the URL given until killed, by a clock that runs fast and is the same for all.

Its arguments are the URL, and the time of the system's clock at which the fast clock began, and at which time it began,
both in micros. It prints a line once it fires.
"""

import asyncio
import sys
import time
from collections.abc import Sequence

from server.database.database import open_database
from server.orchestrator import services
from server.orchestrator.schedules.scheduler import Scheduler
from server.tasks.kernel import Kernel

# A second of the system is a minute and a half here: no faster than a slow machine can fire.
SPEED = 90


class FastClock:
    """A clock that showed `begin` when the system's showed `origin`, and runs faster since."""

    def __init__(self, origin: int, begin: int) -> None:
        self._origin = origin
        self._begin = begin

    def __call__(self) -> int:
        return self._begin + (time.time_ns() // 1000 - self._origin) * SPEED


class NoQueue:
    """Wakes nobody."""

    def announce(self, kinds: Sequence[str]) -> None:
        """Do nothing."""


async def main(url: str, origin: int, begin: int) -> None:
    database = await open_database(url)
    clock = FastClock(origin, begin)
    scheduler = Scheduler(database, Kernel(database, NoQueue(), clock, services.FINAL_HOOKS), clock)
    scheduler.begin()
    await scheduler.fire_due()
    sys.stdout.write("fires\n")
    sys.stdout.flush()
    while True:
        await scheduler.fire_due()
        await asyncio.sleep(0.001)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
