"""Fires schedules when they are due, for as long as it runs.

Any number of servers may do so over one database: who holds the row of a schedule fires it, the others pass it by.

The clock may jump. What is due is decided by `next_run` alone, which follows from the fire time before it and never
from the present: a clock that is set back fires nothing twice, and one that is set forward is treated like a server
that was away.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import sqlalchemy as sa
import structlog

from server.clock import SECOND, Clock
from server.database.away import BREAKS, is_hindered
from server.database.database import Database
from server.errors import Unavailable
from server.orchestrator.schedules import firing, schedule_store
from server.orchestrator.schedules.schedule_row import ScheduleRow
from server.tasks.changes import Watch
from server.tasks.kernel import Kernel
from server.tasks.task import TaskRow

# How often the database is looked at for changes made by another server.
LOOK_SECONDS: Final = 1.0
# The wait before a fire time may end a little early by the system's clock.
SHORTEST_WAIT_SECONDS: Final = 0.001
# Schedules fired in one unit of work; others write in between.
AT_ONCE: Final = 50
# A schedule that cannot be fired is tried again after this time.
ASIDE_MICROS: Final = 60 * SECOND

log: Final = structlog.get_logger(__name__)

# Deals with some schedules within a unit of work, and returns which ones these were, and the Tasks it made or changed.
Fired = tuple[Sequence[int], Sequence[TaskRow]]
Fire = Callable[[sa.Connection], Fired]


class Scheduler:
    """Fires what is due, within a second of its time as long as the machine keeps up."""

    def __init__(self, database: Database, kernel: Kernel, clock: Clock) -> None:
        self._database = database
        self._kernel = kernel
        self._clock = clock
        self._watch = Watch()
        self._watched_since: int | None = None
        # Numbers of schedules that cannot be fired, and when they are tried again.
        self._aside: dict[int, int] = {}

    def wake(self) -> None:
        """Say that a schedule may be due earlier than was known."""
        self._watch.wake()

    def begin(self) -> None:
        """Say that fire times are watched from now on; those before passed while no server ran."""
        self._watched_since = self._clock()

    async def run(self) -> None:
        """Fire until cancelled."""
        self.begin()
        while True:
            try:
                await self.fire_due()
                pause = await self._pause_seconds()
            except BREAKS:
                log.warning("firing schedules was broken off; the next turn goes on", exc_info=True)
                pause = LOOK_SECONDS
            await self._watch.wait(pause)

    async def fire_due(self) -> None:
        """Fire everything that is due now. A schedule that cannot be fired holds up no other."""
        self._end_waits()
        # Looked at first without a transaction: nearly always there is nothing to do.
        while await self._database.read(lambda connection: schedule_store.any_due(connection, now=self._clock())):
            if not await self._fire_some():
                return

    def catch_up(
        self, connection: sa.Connection, row: ScheduleRow, *, now: int
    ) -> tuple[ScheduleRow, Sequence[TaskRow]]:
        """Deal with what is due of `row`, whose lock the caller holds, before it is changed.

        Returns:
            The row as it stands then, and Tasks for `Kernel.announce`.

        Raises:
            Unavailable: it is so far behind that this takes a while.
        """
        if row.next_run is None or row.next_run > now:
            return row, ()
        tasks = self._fire(connection, [row], now=now)
        left = schedule_store.require_locked(connection, row.id, tenant_id=None)
        if left.next_run is not None and left.next_run <= now:
            raise Unavailable(f"Schedule {row.id} is being brought up to date; try again in a while")
        return left, tasks

    async def _fire_some(self) -> bool:
        """Fire some schedules that are due, and return whether there were any."""
        try:
            numbers = await self._commit(self._fire_batch)
        except Exception as error:
            # What is wrong with a row cannot be foreseen.
            if is_hindered(error):
                raise
            numbers = await self._fire_one_by_one()
        return bool(numbers)

    async def _fire_one_by_one(self) -> Sequence[int]:
        """Fire as many one by one as would have been fired at once, and put aside what cannot be fired."""
        numbers = await self._database.read(self._due_numbers)
        for number in numbers:
            try:
                await self._commit(partial(self._fire_number, number=number))
            except Exception as error:
                if is_hindered(error):
                    raise
                log.exception("a schedule cannot be fired; it is tried again in a minute", schedule_number=number)
                self._aside[number] = self._clock() + ASIDE_MICROS
        return numbers

    async def _commit(self, fire: Fire) -> Sequence[int]:
        numbers, tasks = await self._database.write(fire)
        self._kernel.announce(tasks)
        return numbers

    def _fire_batch(self, connection: sa.Connection) -> Fired:
        now = self._clock()
        rows = schedule_store.due_locked(connection, now=now, limit=AT_ONCE, aside=self._aside)
        return [row.number for row in rows], self._fire(connection, rows, now=now)

    def _fire_number(self, connection: sa.Connection, *, number: int) -> Fired:
        now = self._clock()
        row = schedule_store.at_number_locked(connection, number)
        return [number], [] if row is None else self._fire(connection, [row], now=now)

    def _fire(self, connection: sa.Connection, rows: Sequence[ScheduleRow], *, now: int) -> list[TaskRow]:
        watched_since = now if self._watched_since is None else self._watched_since
        return firing.fire_due(connection, rows, watched_since=watched_since, now=now, hooks=self._kernel.final_hooks)

    def _due_numbers(self, connection: sa.Connection) -> Sequence[int]:
        return schedule_store.due_numbers(connection, now=self._clock(), limit=AT_ONCE, aside=self._aside)

    def _end_waits(self) -> None:
        now = self._clock()
        # A clock that was set back must not make them wait for longer.
        self._aside = {number: until for number, until in self._aside.items() if now < until <= now + ASIDE_MICROS}

    async def _pause_seconds(self) -> float:
        now = self._clock()
        due = await self._database.read(lambda connection: schedule_store.next_due(connection, after=now))
        seconds = LOOK_SECONDS if due is None else (due - self._clock()) / SECOND
        return min(LOOK_SECONDS, max(SHORTEST_WAIT_SECONDS, seconds))
