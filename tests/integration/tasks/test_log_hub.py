"""Followers of a growing log miss nothing and see nothing twice."""

import asyncio
import random
from contextlib import aclosing

import pytest

from server.database.database import Database
from server.errors import LogGap, NotFound
from server.tasks import log_store, pruning, store
from server.tasks.kernel import Kernel
from server.tasks.lifecycle import Failed, Succeeded
from server.tasks.log_hub import BATCH_LINES, LogBatch, LogHub
from server.tasks.log_store import Line
from server.tasks.task import TaskRow
from tests.integration.tasks.parts import NOON, HandClock, claim, claimed, run
from tests.patience import PATIENCE


class Writer:
    """A worker that writes the log of one claim."""

    def __init__(self, database: Database, hub: LogHub, row: TaskRow, *, quiet: bool = False) -> None:
        self._database = database
        self._hub = hub
        self._row = row
        self._quiet = quiet
        self._next = 1

    async def write(self, count: int) -> None:
        first, self._next = self._next, self._next + count
        token = self._row.fencing_token
        lines = [Line(NOON, 2, f"{token}:{n}") for n in range(first, first + count)]
        while True:
            try:
                appended = await self._database.write(
                    lambda connection: log_store.append(connection, self._row.id, token, first, lines)
                )
            except LogGap:  # Another call of ours is still on its way.
                await asyncio.sleep(0.002)
                continue
            if not self._quiet:
                self._hub.publish(self._row.id, appended.lines)
            return


async def collect(hub: LogHub, task_id: str, after_seq: int = 0, *, pause: float = 0.0) -> list[int]:
    seqs: list[int] = []
    async with aclosing(hub.follow(task_id, after_seq)) as batches:
        async for batch in batches:
            seqs.extend(line.seq for line in batch.lines)
            await asyncio.sleep(pause)
    return seqs


async def test_followers_of_a_final_log_get_all_of_it(kernel: Kernel, database: Database, hub: LogHub) -> None:
    row = await claimed(kernel)
    await Writer(database, hub, row).write(3 * BATCH_LINES + 7)
    await kernel.finish(row.id, row.fencing_token, Succeeded())

    assert await collect(hub, row.id) == list(range(1, 3 * BATCH_LINES + 8))
    assert await collect(hub, row.id, 777) == list(range(778, 3 * BATCH_LINES + 8))
    assert await collect(hub, row.id, 3 * BATCH_LINES + 7) == []


async def test_a_follower_from_the_start_sees_each_line_as_it_comes(
    kernel: Kernel, database: Database, hub: LogHub
) -> None:
    row = await claimed(kernel)
    writer = Writer(database, hub, row)
    async with aclosing(hub.follow(row.id, 0)) as batches:
        for seq in range(1, 6):
            await writer.write(1)
            async with asyncio.timeout(1.0):
                assert [line.seq for line in (await anext(batches)).lines] == [seq]


async def test_the_end_of_a_task_is_told_at_once_whatever_the_pace(kernel: Kernel, database: Database) -> None:
    hub = LogHub(database, kernel.changes, pace_seconds=3600.0, look_seconds=3600.0)
    row = await claimed(kernel)
    writer = Writer(database, hub, row)
    await writer.write(1)
    async with aclosing(hub.follow(row.id, 0)) as batches, asyncio.timeout(PATIENCE):
        await anext(batches)
        await writer.write(1)
        await anext(batches)
        await kernel.finish(row.id, row.fencing_token, Succeeded())

        assert [batch async for batch in batches] == []


async def test_an_unknown_task_cannot_be_followed(hub: LogHub) -> None:
    with pytest.raises(NotFound):
        await collect(hub, "nobody")


async def test_following_ends_when_the_task_is_deleted(kernel: Kernel, database: Database, hub: LogHub) -> None:
    row = await claimed(kernel)
    following = asyncio.create_task(collect(hub, row.id))
    await asyncio.sleep(0.05)

    await database.write(lambda connection: pruning.delete_of_subject(connection, row.subject))

    async with asyncio.timeout(2.0):
        assert await following == []


async def test_followers_at_the_end_share_the_same_batches(kernel: Kernel, database: Database, hub: LogHub) -> None:
    row = await claimed(kernel)
    writer = Writer(database, hub, row)

    async def first(ready: asyncio.Event) -> LogBatch:
        async with aclosing(hub.follow(row.id, 0)) as batches:
            ready.set()
            return await anext(batches)

    ready = [asyncio.Event() for _ in range(3)]
    following = [asyncio.create_task(first(event)) for event in ready]
    await asyncio.gather(*(event.wait() for event in ready))
    await asyncio.sleep(0.05)
    await writer.write(5)

    one, two, three = await asyncio.gather(*following)

    assert one is two is three


async def test_readers_of_a_stored_log_share_its_pages(kernel: Kernel, database: Database, hub: LogHub) -> None:
    row = await claimed(kernel)
    await Writer(database, hub, row).write(BATCH_LINES * 2)
    async with aclosing(hub.follow(row.id, 0)) as one, aclosing(hub.follow(row.id, 0)) as two:
        assert await anext(one) is await anext(two)


async def test_what_another_server_writes_is_noticed(kernel: Kernel, database: Database, hub: LogHub) -> None:
    row = await claimed(kernel)
    elsewhere = Writer(database, hub, row, quiet=True)
    following = asyncio.create_task(collect(hub, row.id))
    await asyncio.sleep(0.05)

    await elsewhere.write(3)
    await asyncio.sleep(0.3)
    await elsewhere.write(2)
    await database.write(
        lambda c: store.finish(c, row.id, row.fencing_token, Succeeded(), exit_code=None, now=NOON, hooks={})
    )

    async with asyncio.timeout(2.0):
        assert await following == [1, 2, 3, 4, 5]


async def test_a_slow_follower_gets_everything_and_delays_nobody(
    kernel: Kernel, database: Database, hub: LogHub
) -> None:
    row = await claimed(kernel)
    writer = Writer(database, hub, row)
    slow = asyncio.create_task(collect(hub, row.id, pause=0.05))
    fast = asyncio.create_task(collect(hub, row.id))
    for _ in range(100):
        await writer.write(20)
    await kernel.finish(row.id, row.fencing_token, Succeeded())

    async with asyncio.timeout(1.0):
        assert await fast == list(range(1, 2001))
    async with asyncio.timeout(10.0):
        assert await slow == list(range(1, 2001))


async def test_a_failure_of_the_database_reaches_the_followers(kernel: Kernel, database: Database, hub: LogHub) -> None:
    row = await claimed(kernel)
    following = asyncio.create_task(collect(hub, row.id))
    await asyncio.sleep(0.05)

    await database.write(lambda connection: connection.exec_driver_sql("ALTER TABLE tasks RENAME TO lost"))

    async with asyncio.timeout(2.0):
        with pytest.raises(Exception, match="tasks"):
            await following


@pytest.mark.parametrize("seed", range(4))
async def test_readers_that_come_and_go_see_exactly_the_stored_log(
    kernel: Kernel, database: Database, hub: LogHub, clock: HandClock, seed: int
) -> None:
    chance = random.Random(seed)
    row = await claimed(kernel, run(max_attempts=3))
    task_id = row.id

    async def read() -> list[int]:
        """Follow the log to its end, leaving and coming back at random points."""
        seqs: list[int] = []
        while True:
            patience = chance.choice([1, 2, 5, 1000])
            async with aclosing(hub.follow(task_id, seqs[-1] if seqs else 0)) as batches:
                async for batch in batches:
                    # A reader may leave in the middle of what it was given.
                    kept = batch.lines if chance.random() < 0.7 else batch.lines[: chance.randint(0, len(batch.lines))]
                    seqs.extend(line.seq for line in kept)
                    patience -= 1
                    if patience == 0 or len(kept) < len(batch.lines):
                        break
                    await asyncio.sleep(chance.choice([0, 0, 0.002, 0.02]))
                else:
                    return seqs
            await asyncio.sleep(chance.choice([0, 0.005, 0.03]))

    async def work(claim_row: TaskRow) -> None:
        writer = Writer(database, hub, claim_row, quiet=chance.random() < 0.3)
        for _ in range(15):
            # Several calls on their way at once, as a worker that does not wait for answers sends them.
            await asyncio.gather(*(writer.write(chance.choice([1, 2, 30])) for _ in range(chance.randint(1, 3))))
            await asyncio.sleep(chance.choice([0, 0, 0.002, 0.01]))

    readers = [asyncio.create_task(read()) for _ in range(5)]
    for _ in range(2):
        await work(row)
        await kernel.finish(task_id, row.fencing_token, Failed("X", "x", retryable=True))
        clock.advance(300)
        next_row = await claim(kernel)
        assert next_row is not None
        row = next_row
        readers.append(asyncio.create_task(read()))
    await work(row)
    final = await kernel.finish(task_id, row.fencing_token, Succeeded())

    async with asyncio.timeout(20.0):
        everything = await asyncio.gather(*readers)

    assert final.log_line_count > 0
    assert everything == [list(range(1, final.log_line_count + 1))] * len(readers)
    assert not hub._channels
