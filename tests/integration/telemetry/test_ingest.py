"""Producers: events at positions, none lost, none twice."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
import pytest
import sqlalchemy as sa

from server.telemetry.tables import EVENT_PRODUCERS, SESSION_EVENTS
from switchyard.errors.v1 import error_reason_pb2 as reasons
from switchyard.telemetry.v1 import event_service_pb2 as pb
from switchyard.telemetry.v1.session_pb2 import NewEvent
from tests.integration.telemetry.serving import API_KEY, WORKER, Telemetry, refused


def numbered(first: int, count: int, session_id: str = "s1") -> list[NewEvent]:
    """Events that say at which position they are."""
    events = []
    for position in range(first, first + count):
        event = NewEvent(session_id=session_id, event_type="click")
        event.details = f'{{"position":{position}}}'
        events.append(event)
    return events


def message(first: int = 0, events: Sequence[NewEvent] = (), producer_id: str = "") -> pb.IngestEventsRequest:
    return pb.IngestEventsRequest(producer_id=producer_id, first_position=first, events=events)


class Producer:
    """One connection of a producer, which has sent its name."""

    def __init__(self, telemetry: Telemetry, name: str = "agent-1") -> None:
        # The stubs know only calls whose requests are all given at once.
        self._call: Any = telemetry.events.IngestEvents(metadata=WORKER)  # type: ignore[call-arg]
        self._name = name

    async def begin(self) -> int:
        """Send the name and return where to go on behind."""
        await self._call.write(message(producer_id=self._name))
        return (await self.answer()).acknowledged_position

    async def send(self, first: int, events: Sequence[NewEvent] = ()) -> None:
        await self._call.write(message(first, events))

    async def answer(self) -> pb.IngestEventsResponse:
        answer = await self._call.read()
        assert isinstance(answer, pb.IngestEventsResponse)
        return answer

    async def until(self, position: int) -> list[pb.RefusedEvent]:
        """Read answers until one acknowledges `position`, and return what they refuse."""
        refused_events: list[pb.RefusedEvent] = []
        while True:
            answer = await self.answer()
            refused_events += answer.refused
            if answer.acknowledged_position >= position:
                assert answer.acknowledged_position == position
                return refused_events

    async def end(self) -> None:
        """Say that nothing comes any more, and read to the end."""
        await self._call.done_writing()
        while isinstance(await self._call.read(), pb.IngestEventsResponse):
            pass

    def break_off(self) -> None:
        self._call.cancel()


async def positions(telemetry: Telemetry) -> list[int]:
    """The positions of what is stored, in the order it was stored."""

    def query(connection: sa.Connection) -> list[int]:
        rows = connection.execute(sa.select(SESSION_EVENTS.c.details).order_by(SESSION_EVENTS.c.id))
        return [int(row.details.removeprefix('{"position":').removesuffix("}")) for row in rows]

    return await telemetry.database.scan(query)


async def test_a_new_producer_is_told_at_once_to_begin_with_the_first_position(telemetry: Telemetry) -> None:
    assert await Producer(telemetry).begin() == 0


async def test_acknowledged_events_are_stored_in_their_order(telemetry: Telemetry) -> None:
    await telemetry.register()
    producer = Producer(telemetry)
    await producer.begin()

    for first in range(1, 5_001, 500):
        await producer.send(first, numbered(first, 500))
    await producer.until(5_000)

    assert await positions(telemetry) == list(range(1, 5_001))
    await producer.end()


async def test_events_may_come_in_the_first_message(telemetry: Telemetry) -> None:
    await telemetry.register()
    call = telemetry.events.IngestEvents(iter([message(1, numbered(1, 3), "agent-1")]), metadata=API_KEY)

    answers = [answer.acknowledged_position async for answer in call]

    assert answers == [0, 3]
    assert await positions(telemetry) == [1, 2, 3]


async def test_a_producer_goes_on_where_it_was_after_a_break(telemetry: Telemetry) -> None:
    await telemetry.register()
    producer = Producer(telemetry)
    await producer.begin()
    await producer.send(1, numbered(1, 10))
    await producer.until(10)
    producer.break_off()

    again = Producer(telemetry)
    assert await again.begin() == 10
    await again.send(11, numbered(11, 5))
    await again.until(15)

    assert await positions(telemetry) == list(range(1, 16))
    await again.end()


async def test_what_was_stored_before_is_skipped(telemetry: Telemetry) -> None:
    await telemetry.register()
    producer = Producer(telemetry)
    await producer.begin()

    for first, count in ((1, 5), (1, 5), (3, 4), (2, 2), (1, 10)):
        await producer.send(first, numbered(first, count))
    await producer.until(10)

    assert await positions(telemetry) == list(range(1, 11))
    await producer.end()


async def test_a_message_without_events_asks_where_to_go_on(telemetry: Telemetry) -> None:
    await telemetry.register()
    one, other = Producer(telemetry), Producer(telemetry)
    await one.begin()
    await other.begin()
    await other.send(1, numbered(1, 7))
    await other.until(7)

    await one.send(0)

    assert (await one.answer()).acknowledged_position == 7
    await one.end()
    await other.end()


async def test_a_position_that_was_left_out_ends_the_stream_behind_what_came_before(telemetry: Telemetry) -> None:
    await telemetry.register()
    requests = [message(producer_id="agent-1"), message(1, numbered(1, 4)), message(6, numbered(6, 4))]
    call = telemetry.events.IngestEvents(iter(requests), metadata=API_KEY)
    answers: list[int] = []

    async def read_all() -> None:
        async for answer in call:
            answers.append(answer.acknowledged_position)  # noqa: PERF401 - it ends with an error

    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await read_all()

    assert refusal.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert refusal.value.details() == "events must go on at position 5"
    metadata: dict[str, Any] = dict(refusal.value.trailing_metadata() or ())  # type: ignore[arg-type]
    assert b"next_position" in metadata["grpc-status-details-bin"]
    assert answers[-1] == 4
    assert await positions(telemetry) == [1, 2, 3, 4]


async def test_events_that_cannot_be_stored_are_told_once_and_passed_over(telemetry: Telemetry) -> None:
    await telemetry.register()
    producer = Producer(telemetry)
    await producer.begin()
    events = numbered(1, 6)
    events[1].session_id = "gone"
    events[3].event_type = "No type"
    events[4].details = json.dumps({"a": "x" * 65_536})

    await producer.send(1, events)
    told = await producer.until(6)
    await producer.send(7, numbered(7, 1))
    told_later = await producer.until(7)

    assert [(one.position, one.reason) for one in told] == [
        (2, reasons.ERROR_REASON_NOT_FOUND),
        (4, reasons.ERROR_REASON_INVALID_ARGUMENT),
        (5, reasons.ERROR_REASON_TOO_LARGE),
    ]
    assert told[0].message == "session_id 'gone' is not known"
    assert told_later == []
    assert await positions(telemetry) == [1, 3, 6, 7]
    await producer.end()


async def test_a_producer_whose_every_event_is_refused_gets_on(telemetry: Telemetry) -> None:
    producer = Producer(telemetry)
    await producer.begin()

    await producer.send(1, numbered(1, 1000, "gone"))

    assert len(await producer.until(1000)) == 1000
    await producer.end()
    assert await Producer(telemetry).begin() == 1000


@pytest.mark.parametrize(
    ("requests", "sentence"),
    [
        ([], "producer_id must be given in the first message"),
        ([message(1, numbered(1, 1))], "producer_id must be given in the first message"),
        ([message(producer_id="a b")], "producer_id must be letters, digits"),
        ([message(producer_id="a"), message(producer_id="b")], "producer_id must be that of the first message"),
        ([message(producer_id="a"), message(0, numbered(0, 1))], "first_position must be at least 1"),
        ([message(producer_id="a"), message(-5, numbered(0, 1))], "first_position must be at least 1"),
        ([message(producer_id="a"), message(1, numbered(1, 1001))], "events must have at most 1,000 items"),
    ],
)
async def test_messages_out_of_bounds_end_the_stream(
    telemetry: Telemetry, requests: list[pb.IngestEventsRequest], sentence: str
) -> None:
    async def read_all() -> None:
        async for _ in telemetry.events.IngestEvents(iter(requests), metadata=API_KEY):
            pass

    code, told = await refused(read_all())

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert told.startswith(sentence)


async def test_two_connections_of_one_producer_neither_lose_nor_double(telemetry: Telemetry) -> None:
    await telemetry.register()
    producers = [Producer(telemetry) for _ in range(2)]
    dice = random.Random(4)

    async def send_all(producer: Producer) -> None:
        position = await producer.begin()
        while position < 600:
            count = dice.randint(1, 40)
            await producer.send(position + 1, numbered(position + 1, min(count, 600 - position)))
            position = (await producer.answer()).acknowledged_position
        await producer.end()

    await asyncio.gather(*(send_all(producer) for producer in producers))

    assert await positions(telemetry) == list(range(1, 601))


async def test_producers_do_not_know_of_one_another(telemetry: Telemetry) -> None:
    await telemetry.register()
    producers = [Producer(telemetry, name) for name in ("a", "b")]
    for producer in producers:
        await producer.begin()
        await producer.send(1, numbered(1, 5))

    for producer in producers:
        await producer.until(5)
        await producer.end()

    assert sorted(await positions(telemetry)) == sorted([1, 2, 3, 4, 5] * 2)


async def test_a_producer_that_breaks_off_and_comes_back_at_random_points_stores_each_event_once(
    telemetry: Telemetry,
) -> None:
    await telemetry.register()
    dice = random.Random(20260129)
    last = 3_000
    acknowledged = 0

    while acknowledged < last:
        producer = Producer(telemetry)
        acknowledged = await producer.begin()
        sent = acknowledged
        for _ in range(dice.randint(1, 6)):
            count = min(dice.randint(1, 300), last - sent)
            if count:
                await producer.send(sent + 1, numbered(sent + 1, count))
            sent += count
        if dice.random() < 0.5 and sent > acknowledged:
            acknowledged = (await producer.answer()).acknowledged_position
        producer.break_off()

    assert await positions(telemetry) == list(range(1, last + 1))


async def test_a_stream_that_says_nothing_more_ends_well(telemetry: Telemetry) -> None:
    await telemetry.register()
    producer = Producer(telemetry)
    await producer.begin()
    await producer.send(1, numbered(1, 2))

    await producer.end()

    assert await positions(telemetry) == [1, 2]


async def test_lines_of_json_are_taken_over_http(telemetry: Telemetry) -> None:
    await telemetry.register()

    async def lines() -> AsyncIterator[bytes]:
        yield b'{"producer_id": "agent-1"}\n'
        yield b'{"first_position": 1, "events": [{"session_id": "s1", "event_type": "click", "details": '
        yield b'{"position": 1}}]}\n'

    answer = await telemetry.http.post(
        "/api/events/ingest", content=lines(), headers={"content-type": "application/x-ndjson"}
    )

    assert answer.status_code == 200, answer.text
    assert await positions(telemetry) == [1]


async def test_the_acknowledged_position_moves_with_the_events(telemetry: Telemetry) -> None:
    await telemetry.register()
    producer = Producer(telemetry)
    await producer.begin()
    await producer.send(1, numbered(1, 3))
    await producer.until(3)

    def query(connection: sa.Connection) -> Any:
        return connection.execute(sa.select(EVENT_PRODUCERS.c.id, EVENT_PRODUCERS.c.acknowledged_position)).all()

    assert [tuple(row) for row in await telemetry.database.read(query)] == [("agent-1", 3)]
    await producer.end()
