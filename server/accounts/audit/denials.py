"""Calls that were turned away: told together when they are alike, and never more than a bounded number of rows.

Others decide how often they are turned away. So a call costs no more than a look into a table in memory; each kind of
denial has one entry a minute that counts the rest; and behind so many kinds a minute all others share one.
"""

import asyncio
from dataclasses import dataclass, replace
from typing import Final

import sqlalchemy as sa
import structlog

from server.accounts.audit import audit_store
from server.clock import SECOND, Clock
from server.database.away import BREAKS
from server.database.database import Database
from server.rpc.audit import Entry
from switchyard.auth.v1 import access_pb2

# Calls of one kind within such a time are one entry.
PERIOD: Final = 60 * SECOND
# Entries in such a time.
MOST_KINDS: Final = 100
FLUSH_SECONDS: Final = 1.0
# Stands in the place of what differs between the calls an entry tells together.
VARIOUS: Final = "various"

log: Final = structlog.get_logger(__name__)

# Who, from where, what, about what, why.
Kind = tuple[str, str, str, str, str]


@dataclass(slots=True)
class _Counted:
    """Calls of one kind. `number` is the place of their entry once it is stored, `untold` counts those it lacks."""

    entry: Entry
    number: int | None = None
    untold: int = 0


class Denials:
    """Counts what is turned away, and stores it in the background."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._kinds: dict[Kind, _Counted] = {}
        self._period_end = 0
        self._waiting = asyncio.Event()

    def note(self, entry: Entry) -> None:
        """Count one call."""
        if entry.time >= self._period_end and not self._waiting.is_set():
            self._kinds.clear()
            self._period_end = entry.time + PERIOD
        kind = (entry.actor, entry.address, entry.action, entry.resource, entry.reason)
        if kind not in self._kinds and len(self._kinds) >= MOST_KINDS:
            entry, kind = _various(entry), _VARIOUS_KIND
        counted = self._kinds.setdefault(kind, _Counted(entry))
        counted.untold += 1
        self._waiting.set()

    async def run(self) -> None:
        """Store until cancelled, then once more."""
        try:
            while True:
                await self._waiting.wait()
                await asyncio.sleep(FLUSH_SECONDS)
                await self._flush_or_tell()
        finally:
            await self._flush_or_tell()

    async def flush(self) -> None:
        """Store what was counted so far."""
        told = [(counted, counted.untold) for counted in self._kinds.values() if counted.untold]
        if told:
            numbers = await self._database.write(
                lambda connection: [_store(connection, counted, count) for counted, count in told]
            )
            for (counted, count), number in zip(told, numbers, strict=True):
                counted.number = number
                counted.untold -= count
        if self._clock() >= self._period_end:
            self._begin_anew()
        if not any(counted.untold for counted in self._kinds.values()):
            self._waiting.clear()

    def _begin_anew(self) -> None:
        """Begin a period with what came while the last entries of the one before were stored."""
        now = self._clock()
        self._period_end = now + PERIOD
        self._kinds = {
            kind: _Counted(replace(counted.entry, time=now), untold=counted.untold)
            for kind, counted in self._kinds.items()
            if counted.untold
        }

    async def _flush_or_tell(self) -> None:
        try:
            await self.flush()
        except BREAKS:
            # What could not be stored is still counted.
            log.warning("denied calls could not be noted in the audit log", exc_info=True)


def _store(connection: sa.Connection, counted: _Counted, count: int) -> int:
    if counted.number is None:
        return audit_store.insert_counted(connection, counted.entry, count)
    audit_store.add_count(connection, counted.number, count)
    return counted.number


def _various(entry: Entry) -> Entry:
    """Return the entry that tells of this call and of others that are not like it."""
    return replace(
        entry,
        actor=VARIOUS,
        role=access_pb2.ROLE_UNSPECIFIED,
        tenant_id=None,
        address="",
        action=VARIOUS,
        resource="",
        reason="Too many denied calls to tell each kind by itself",
        request_id="",
    )


_VARIOUS_KIND: Final[Kind] = (VARIOUS, "", VARIOUS, "", "")
