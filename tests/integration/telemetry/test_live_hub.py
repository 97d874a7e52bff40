"""The newest messages, and readers that walk along them at their own pace."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from server.clock import from_timestamp
from server.database.database import open_database
from server.errors import InvalidArgument
from server.telemetry.events.event_store import StoredEvent
from server.telemetry.live.hub import RETURN_SECONDS, Hub
from server.telemetry.sessions.session_store import SessionRow
from server.telemetry.statistics import counts
from server.telemetry.statistics.counts import Change, Group
from switchyard.telemetry.v1.live_service_pb2 import WatchResponse
from switchyard.telemetry.v1.session_pb2 import Session
from tests.integration.database.databases import USUAL_DIALECT, database_url

NOON = 1_769_688_000_000_000

ACTIVE = SessionRow(
    number=1,
    id="s1",
    profile_id="p1",
    device="desktop",
    target_url="https://example.com",
    site="example.com",
    proxy="1.2.3.4:80",
    country=None,
    start_time=NOON,
    end_time=None,
    duration_micros=None,
    success=None,
    error=None,
    status=Session.STATUS_ACTIVE,
    event_count=0,
    last_event_time=None,
    load_time_micros=0,
    load_count=0,
    search_text="",
)


@asynccontextmanager
async def hub_of(folder: Path, **bounds: Any) -> AsyncIterator[Hub]:
    """A hub over a database that counts three active sessions."""
    database = await open_database(database_url(USUAL_DIALECT, folder))
    active = Group(Session.STATUS_ACTIVE, "")
    await database.write(lambda connection: counts.change_sessions(connection, {active: Change(sessions=3)}))
    hub = Hub(database, lambda: NOON, **bounds)
    running = asyncio.create_task(hub.run())
    yield hub
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await database.close()


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    async with hub_of(tmp_path) as made:
        yield made


def events(numbers: Iterable[int], session_id: str = "s1", details: str = "{}") -> list[StoredEvent]:
    return [StoredEvent(number, session_id, "click", NOON + number, details) for number in numbers]


class Reader:
    """Follows a hub from the moment it is made."""

    def __init__(self, hub: Hub, after: str = "", **filters: Any) -> None:
        self.got: list[WatchResponse] = []
        self._messages = hub.follow(hub.place(after), **filters)

    async def read(self, count: int) -> list[WatchResponse]:
        """Read `count` more messages."""
        fresh = [await anext(self._messages) for _ in range(count)]
        self.got += fresh
        return fresh

    async def close(self) -> None:
        await self._messages.aclose()


def times(messages: Iterable[WatchResponse]) -> list[int]:
    """Which events these messages tell of."""
    return [from_timestamp(message.timestamp) - NOON for message in messages]


async def test_a_reader_gets_what_happens_from_now_on_in_order(hub: Hub) -> None:
    hub.events_stored(events([1, 2]))
    reader = Reader(hub)

    hub.events_stored(events([3]))
    hub.events_stored(events([4, 5]))

    assert times(await reader.read(3)) == [3, 4, 5]
    await reader.close()


async def test_all_readers_get_the_same_objects(hub: Hub) -> None:
    readers = [Reader(hub) for _ in range(3)]

    hub.events_stored(events([1, 2, 3]))
    for reader in readers:
        await reader.read(3)

    assert len({id(message) for reader in readers for message in reader.got}) == 3
    for reader in readers:
        await reader.close()


async def test_a_reader_that_comes_back_misses_nothing_and_sees_nothing_twice(hub: Hub) -> None:
    reader = Reader(hub)
    hub.events_stored(events(range(1, 51)))
    cursors = [message.cursor for message in await reader.read(50)]
    await reader.close()

    for seen in (1, 25, 49):
        again = Reader(hub, cursors[seen - 1])
        assert times(await again.read(50 - seen)) == list(range(seen + 1, 51))
        await again.close()


async def test_a_reader_that_has_everything_waits_for_the_next(hub: Hub) -> None:
    reader = Reader(hub)
    hub.events_stored(events([1]))
    again = Reader(hub, (await reader.read(1))[0].cursor)
    waiting = asyncio.create_task(again.read(1))

    hub.events_stored(events([2]))

    assert times(await waiting) == [2]
    await reader.close()
    await again.close()


async def test_what_is_no_longer_kept_is_told_as_a_gap(tmp_path: Path) -> None:
    async with hub_of(tmp_path, kept_messages=10) as hub:
        reader = Reader(hub)
        hub.events_stored(events([1]))
        first = (await reader.read(1))[0].cursor
        await reader.close()
        hub.events_stored(events(range(2, 31)))

        again = Reader(hub, first)
        gap, *kept = await again.read(11)

        assert (gap.type, gap.data) == (WatchResponse.TYPE_GAP, "{}")
        assert times(kept) == list(range(21, 31))
        resumed = Reader(hub, gap.cursor)
        assert times(await resumed.read(1)) == [21]
        await again.close()
        await resumed.close()


async def test_a_cursor_of_another_process_is_told_as_a_gap(hub: Hub) -> None:
    reader = Reader(hub, "0123abcd-17")

    hub.events_stored(events([1, 2]))
    gap, *kept = await reader.read(3)

    assert gap.type == WatchResponse.TYPE_GAP
    assert times(kept) == [1, 2]
    await reader.close()


@pytest.mark.parametrize("after", ["x", "-", "0123abcd", "0123abcd-", "0123abcd-x", "XYZ-1", "0123abcd-1\n"])
async def test_what_is_no_cursor_is_refused(hub: Hub, after: str) -> None:
    with pytest.raises(InvalidArgument, match="after must be the cursor of a message"):
        hub.place(after)


async def test_a_cursor_that_was_never_given_is_refused(hub: Hub) -> None:
    reader = Reader(hub)
    hub.events_stored(events([1]))
    boot = (await reader.read(1))[0].cursor.partition("-")[0]
    await reader.close()

    assert hub.place(f"{boot}-1") == 2
    with pytest.raises(InvalidArgument):
        hub.place(f"{boot}-2")


async def test_a_slow_reader_is_told_of_the_gap_and_delays_nobody(tmp_path: Path) -> None:
    async with hub_of(tmp_path, kept_messages=100) as hub:
        slow, quick = Reader(hub), Reader(hub)
        hub.events_stored(events([0]))
        await slow.read(1)
        await quick.read(1)

        for number in range(1, 201, 20):
            hub.events_stored(events(range(number, number + 20)))
            await quick.read(20)

        assert times(quick.got) == list(range(201))
        gap, *rest = await slow.read(101)
        assert gap.type == WatchResponse.TYPE_GAP
        assert times(rest) == list(range(101, 201))
        await slow.close()
        await quick.close()


async def test_large_details_are_kept_only_as_far_as_there_is_room(tmp_path: Path) -> None:
    # Each is kept as it is stored, and once more in the message that is made of it.
    async with hub_of(tmp_path, kept_bytes=2_100) as hub:
        large = f'{{"a":"{"x" * 292}"}}'
        reader = Reader(hub, "0123abcd-1")

        hub.events_stored(events(range(1, 11), details=large))

        assert times((await reader.read(4))[1:]) == [8, 9, 10]
        await reader.close()


async def test_room_is_counted_in_bytes(tmp_path: Path) -> None:
    async with hub_of(tmp_path, kept_bytes=2_100) as hub:
        # Two bytes as it is stored, three in the message.
        large = f'{{"a":"{"€" * 292}"}}'
        reader = Reader(hub, "0123abcd-1")

        hub.events_stored(events(range(1, 11), details=large))

        assert times((await reader.read(2))[1:]) == [10]
        await reader.close()


async def test_filters_leave_out_other_sessions_and_types(hub: Hub) -> None:
    of_session = Reader(hub, session_id="s2")
    of_type = Reader(hub, types=frozenset({WatchResponse.TYPE_SESSION_START}))
    waiting = [asyncio.create_task(of_session.read(1)), asyncio.create_task(of_type.read(1))]
    await asyncio.sleep(0)

    hub.events_stored(events([1], "s1"))
    hub.events_stored(events([2], "s2"))
    hub.session_started(ACTIVE)

    (event,), (start,) = await asyncio.gather(*waiting)
    assert (event.type, json.loads(event.data)["session_id"]) == (WatchResponse.TYPE_EVENT, "s2")
    assert (start.type, json.loads(start.data)["session_id"]) == (WatchResponse.TYPE_SESSION_START, "s1")
    # Totals are of every session.
    assert (await of_session.read(1))[0].type == WatchResponse.TYPE_STATS_UPDATE
    await of_session.close()
    await of_type.close()


async def test_totals_are_told_after_a_change_and_not_before(hub: Hub) -> None:
    reader = Reader(hub)
    waiting = asyncio.create_task(reader.read(1))
    await asyncio.sleep(0)

    hub.session_started(ACTIVE)

    assert (await waiting)[0].type == WatchResponse.TYPE_SESSION_START
    totals = (await reader.read(1))[0]
    assert totals.type == WatchResponse.TYPE_STATS_UPDATE
    assert json.loads(totals.data) == {"total_sessions": 3, "active_sessions": 3, "success_rate": 0}
    await reader.close()


async def test_changes_in_quick_succession_are_told_together(tmp_path: Path) -> None:
    async with hub_of(tmp_path, totals_period_seconds=0.05) as hub:
        reader = Reader(hub, types=frozenset({WatchResponse.TYPE_STATS_UPDATE, WatchResponse.TYPE_EVENT}))
        told = asyncio.create_task(reader.read(2))
        await asyncio.sleep(0)

        for _ in range(100):
            hub.session_started(ACTIVE)
            await asyncio.sleep(0)
        await told
        # Nothing has changed since; by now another telling would have come.
        await asyncio.sleep(0.2)
        hub.events_stored(events([1]))

        assert (await reader.read(1))[0].type == WatchResponse.TYPE_EVENT
        await reader.close()


async def test_who_leaves_is_forgotten(hub: Hub) -> None:
    async with aclosing(hub.follow(None)) as messages:
        await anext(messages)
        assert hub.watched

    assert not hub.watched


async def test_events_that_nobody_is_to_hear_of_are_not_looked_at(hub: Hub) -> None:
    ahead = iter(events([1]))
    hub.events_stored(ahead)

    reader = Reader(hub)
    hub.events_stored(events([2]))

    assert len(list(ahead)) == 1
    assert times(await reader.read(1)) == [2]
    await reader.close()


async def test_a_reader_that_stays_away_for_long_is_told_of_a_gap(tmp_path: Path) -> None:
    now = NOON
    database = await open_database(database_url(USUAL_DIALECT, tmp_path))
    hub = Hub(database, lambda: now)
    reader = Reader(hub)
    hub.events_stored(events([1]))
    [seen] = await reader.read(1)
    await reader.close()

    now += RETURN_SECONDS * 1_000_000
    hub.events_stored(events([2]))
    again = Reader(hub, seen.cursor)
    [soon] = await again.read(1)
    await again.close()
    now += RETURN_SECONDS * 1_000_000 + 1
    hub.events_stored(events([3]))
    [late] = await Reader(hub, soon.cursor).read(1)

    assert (soon.type, late.type) == (WatchResponse.TYPE_EVENT, WatchResponse.TYPE_GAP)
    await database.close()
