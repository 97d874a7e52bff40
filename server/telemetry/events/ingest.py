"""Takes the events of a producer for as long as it sends some, each at a position of its own.

How far the events of a producer are stored stands in a row that changes in the transaction that stores them. So a
producer that is not sure sends again from the acknowledged position, over any number of connections, and nothing is
lost or stored twice.

While a unit of work is being written the next messages are read and made ready, a bounded number of them; those that
are ready go together into the next unit.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from server.clock import Clock
from server.database.after_commit import after_commit
from server.database.database import Database
from server.errors import InvalidArgument, PositionGap, SwitchyardError
from server.telemetry.events import event_store
from server.telemetry.events.conversion import convert
from server.telemetry.events.event_store import EventDraft, StoredEvent
from server.telemetry.live.hub import Hub
from server.telemetry.tables import EVENT_PRODUCERS
from switchyard.telemetry.v1 import event_service_pb2 as pb
from switchyard.telemetry.v1.session_pb2 import NewEvent

# Messages of one producer that are read before they are stored, and events from which on a unit of work is full.
MESSAGES_AHEAD: Final = 8
FULL_UNIT: Final = 2_000
# Source: the comment of `IngestEventsRequest.events`.
LARGEST_MESSAGE: Final = 1_000

Outcome = EventDraft | SwitchyardError
Tell = Callable[[Iterable[StoredEvent]], None]


class _Ready(NamedTuple):
    """Events at consecutive positions from `first_position`, each ready to be stored or refused."""

    first_position: int
    events: Sequence[Outcome]


class _Refused(NamedTuple):
    """Why the event at a position is not stored."""

    position: int
    error: SwitchyardError


class _Written(NamedTuple):
    """What a unit of work has done. `gap` says that the message behind it does not follow."""

    acknowledged: int
    refused: list[_Refused]
    gap: bool


class Ingest:
    """Serves producers."""

    def __init__(self, database: Database, hub: Hub, clock: Clock) -> None:
        self._database = database
        self._hub = hub
        self._clock = clock

    async def answers(
        self, requests: AsyncIterator[pb.IngestEventsRequest]
    ) -> AsyncGenerator[pb.IngestEventsResponse, None]:
        """Store what `requests` hold and yield how far that is on disk, as IngestEvents says.

        Raises:
            InvalidArgument: the first message names no producer, or a later one another, or a message is out of bounds.
            PositionGap: a position was left out. What lies before it is stored.
        """
        first = await anext(aiter(requests), None)
        if first is None or not first.producer_id:
            raise InvalidArgument.field("producer_id", "must be given in the first message")
        producer = first.producer_id
        acknowledged = await self._database.read(lambda connection: _acknowledged(connection, producer))
        yield pb.IngestEventsResponse(acknowledged_position=acknowledged)
        ahead = _Ahead(producer, self._clock)
        reading = asyncio.create_task(ahead.read(first, requests))
        try:
            while messages := await ahead.take():
                written = await self._write(producer, messages)
                yield _answer(written)
                if written.gap:
                    raise PositionGap(written.acknowledged + 1)
        finally:
            reading.cancel()
            await asyncio.wait([reading])

    async def _write(self, producer: str, messages: Sequence[_Ready]) -> _Written:
        tell = self._hub.events_stored
        return await self._database.write(
            lambda connection: _write(connection, producer, messages, self._clock(), tell)
        )


class _Ahead:
    """The messages of one producer that were read and are not stored yet."""

    def __init__(self, producer: str, clock: Clock) -> None:
        self._producer = producer
        self._clock = clock
        # None stands for the end.
        self._ready: asyncio.Queue[_Ready | None] = asyncio.Queue(MESSAGES_AHEAD)
        self._failure: Exception | None = None

    async def read(self, first: pb.IngestEventsRequest, others: AsyncIterator[pb.IngestEventsRequest]) -> None:
        """Make message after message ready; what ends the stream reaches `take` behind what came before it."""
        try:
            if first.events:  # else it has its answer
                await self._make_ready(first)
            async for request in others:
                await self._make_ready(request)
        except Exception as error:  # noqa: BLE001 - it is raised again, in `take`
            self._failure = error
        await self._ready.put(None)

    async def take(self) -> list[_Ready]:
        """Wait for a message and return it with those behind it that are ready, as many as one unit of work may hold.

        None are left when the producer has ended.

        Raises:
            Exception: whatever ended the stream of messages.
        """
        taken: list[_Ready] = []
        count = 0
        while not taken or (count < FULL_UNIT and not self._ready.empty()):
            ready = await self._ready.get()
            if ready is None:
                self._ready.put_nowait(None)  # for the next time
                break
            taken.append(ready)
            count += len(ready.events)
        if not taken and self._failure is not None:
            raise self._failure
        return taken

    async def _make_ready(self, request: pb.IngestEventsRequest) -> None:
        await self._ready.put(await convert(request.ByteSize(), lambda: self._ready_of(request)))

    def _ready_of(self, request: pb.IngestEventsRequest) -> _Ready:
        if request.producer_id not in ("", self._producer):
            raise InvalidArgument.field("producer_id", "must be that of the first message")
        if len(request.events) > LARGEST_MESSAGE:
            raise InvalidArgument.field("events", f"must have at most {LARGEST_MESSAGE:,} items")
        if request.events and request.first_position < 1:
            raise InvalidArgument.field("first_position", "must be at least 1")
        now = self._clock()
        return _Ready(request.first_position, [_outcome(event, now) for event in request.events])


def _outcome(event: NewEvent, now: int) -> Outcome:
    try:
        return event_store.from_message(event_store.checked(event), now=now)
    except SwitchyardError as error:
        return error


def _acknowledged(connection: sa.Connection, producer: str) -> int:
    """Return up to which position the events of `producer` are stored or refused."""
    return connection.execute(_ACKNOWLEDGED, {"producer": producer}).scalar() or 0


def _write(connection: sa.Connection, producer: str, messages: Sequence[_Ready], now: int, tell: Tell) -> _Written:
    """Store what follows the acknowledged position, move that on, and `tell` what was stored once it is on disk."""
    acknowledged = _hold(connection, producer, now)
    fresh, gap = _fresh(messages, acknowledged + 1)
    drafts = [event for event in fresh if isinstance(event, EventDraft)]
    outcomes = event_store.append(connection, drafts, now=now) if drafts else []
    appended = iter(outcomes)
    errors = [next(appended) if isinstance(event, EventDraft) else event for event in fresh]
    refused = [
        _Refused(position, error)
        for position, error in enumerate(errors, acknowledged + 1)
        if isinstance(error, SwitchyardError)
    ]
    after_commit(connection, lambda: tell(event_store.stored(drafts, outcomes)))
    acknowledged += len(fresh)
    if fresh:
        connection.execute(_MOVE_ON, {"producer": producer, "position": acknowledged, "now": now})
    return _Written(acknowledged, refused, gap)


def _fresh(messages: Sequence[_Ready], position: int) -> tuple[list[Outcome], bool]:
    """Return what `messages` hold from `position` on without a gap, and whether there is one behind that."""
    fresh: list[Outcome] = []
    for message in messages:
        if not message.events:
            continue
        skipped = position + len(fresh) - message.first_position
        if skipped < 0:
            return fresh, True
        fresh += message.events[skipped:]
    return fresh, False


def _hold(connection: sa.Connection, producer: str, now: int) -> int:
    """Return the acknowledged position, which no other unit of work can change until the transaction ends."""
    held = connection.execute(_HELD, {"producer": producer}).scalar()
    if held is None:
        first = {"id": producer, "acknowledged_position": 0, "update_time": now}
        connection.execute(_BEGIN[connection.dialect.name], first)
        held = connection.execute(_HELD, {"producer": producer}).scalar_one()
    return int(held)


def _answer(written: _Written) -> pb.IngestEventsResponse:
    refused = [
        pb.RefusedEvent(position=one.position, reason=one.error.reason, message=one.error.message)
        for one in written.refused
    ]
    return pb.IngestEventsResponse(acknowledged_position=written.acknowledged, refused=refused)


_SAME_PRODUCER: Final = EVENT_PRODUCERS.c.id == sa.bindparam("producer")
_ACKNOWLEDGED: Final = sa.select(EVENT_PRODUCERS.c.acknowledged_position).where(_SAME_PRODUCER)
_HELD: Final = _ACKNOWLEDGED.with_for_update()
_BEGIN: Final = {
    "sqlite": sqlite.insert(EVENT_PRODUCERS).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(EVENT_PRODUCERS).on_conflict_do_nothing(),
}
_MOVE_ON: Final = (
    sa.update(EVENT_PRODUCERS)
    .where(_SAME_PRODUCER)
    .values(acknowledged_position=sa.bindparam("position"), update_time=sa.bindparam("now"))
)
