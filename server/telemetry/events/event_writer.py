"""Stores single events together: those that come while a unit of work is being written go into the next one.

Each caller has a number or a refusal of its own, after the commit.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

import sqlalchemy as sa

from server.clock import Clock
from server.database.database import Database
from server.errors import SwitchyardError
from server.telemetry.events import event_store
from server.telemetry.events.event_store import EventDraft
from server.telemetry.live.hub import Hub

# Events in one unit of work. With 64 KiB each they still take less than a second.
LARGEST_UNIT: Final = 500


class _Waiting(NamedTuple):
    """An event and the future of whoever waits for it."""

    draft: EventDraft
    future: asyncio.Future[int]


class EventWriter:
    """Takes events one by one and stores them by the unit."""

    def __init__(self, database: Database, hub: Hub, clock: Clock) -> None:
        self._database = database
        self._hub = hub
        self._clock = clock
        # Bounded by the calls that are open: each of them waits for one event.
        self._waiting: deque[_Waiting] = deque()
        # Lives as long as something waits.
        self._writing: asyncio.Task[None] | None = None

    async def write(self, draft: EventDraft) -> int:
        """Store `draft` and return its number, once it is on disk. A cancelled caller's event may be stored or not.

        Raises:
            NotFound: its session is not known.
        """
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(draft, future))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())
        return await future

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                await self._write_unit([self._waiting.popleft() for _ in range(min(LARGEST_UNIT, len(self._waiting)))])
        finally:
            self._writing = None

    async def _write_unit(self, unit: list[_Waiting]) -> None:
        drafts = [one.draft for one in unit]

        def work(connection: sa.Connection) -> Sequence[int | SwitchyardError]:
            return event_store.append(connection, drafts, now=self._clock())

        try:
            outcomes = await self._database.write(work)
        except Exception as error:  # noqa: BLE001 - nothing was stored, and each caller must hear why
            for one in unit:
                _refuse(one.future, error)
            return
        for one, outcome in zip(unit, outcomes, strict=True):
            if isinstance(outcome, SwitchyardError):
                _refuse(one.future, outcome)
            elif not one.future.done():
                one.future.set_result(outcome)
        self._hub.events_stored(event_store.stored(drafts, outcomes))


def _refuse(future: asyncio.Future[int], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
