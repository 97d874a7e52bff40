"""Logs are numbered without gaps, whatever is repeated, over all attempts."""

import asyncio

import pytest

from server.database.database import Database
from server.errors import LeaseLost, LogGap
from server.tasks import log_store, pruning
from server.tasks.kernel import Kernel
from server.tasks.lifecycle import Failed, Succeeded
from server.tasks.log_store import Appended, Line, LogHead, LogLineRow
from server.tasks.task import TaskRow
from tests.integration.tasks.parts import NOON, HandClock, claim, claimed, run


def lines(*texts: str) -> list[Line]:
    return [Line(NOON, 2, text) for text in texts]


async def append(database: Database, row: TaskRow, first: int, *texts: str) -> Appended:
    return await database.write(
        lambda connection: log_store.append(connection, row.id, row.fencing_token, first, lines(*texts))
    )


async def stored(database: Database, task_id: str) -> list[tuple[int, str]]:
    rows = await database.read(lambda c: log_store.read(c, task_id, after_seq=0, limit=10_000))
    return [(row.seq, row.message) for row in rows]


async def test_lines_are_stored_in_order(kernel: Kernel, database: Database) -> None:
    row = await claimed(kernel)

    appended = await append(database, row, 1, "a", "b")

    assert appended == Appended(2, (LogLineRow(1, NOON, 2, "a"), LogLineRow(2, NOON, 2, "b")))
    assert await stored(database, row.id) == [(1, "a"), (2, "b")]
    assert await database.read(lambda c: log_store.head(c, row.id)) == LogHead(2, final=False)


async def test_repeated_lines_are_skipped(kernel: Kernel, database: Database) -> None:
    row = await claimed(kernel)
    await append(database, row, 1, "a", "b")

    whole = await append(database, row, 1, "a", "b")
    part = await append(database, row, 2, "b", "c")

    assert whole == Appended(2, ())
    assert part.stored_sequence == 3
    assert await stored(database, row.id) == [(1, "a"), (2, "b"), (3, "c")]


async def test_an_empty_call_tells_where_the_log_stands(kernel: Kernel, database: Database) -> None:
    row = await claimed(kernel)
    before = await append(database, row, 1)
    await append(database, row, 1, "a")

    assert before.stored_sequence == 0
    assert (await append(database, row, 2)).stored_sequence == 1


async def test_a_gap_is_refused_and_says_where_to_go_on(kernel: Kernel, database: Database) -> None:
    row = await claimed(kernel)
    await append(database, row, 1, "a")

    with pytest.raises(LogGap) as refusal:
        await append(database, row, 3, "c")

    assert refusal.value.metadata == {"next_sequence": "2"}
    assert await stored(database, row.id) == [(1, "a")]


async def test_the_next_attempt_goes_on_behind_the_last(kernel: Kernel, database: Database, clock: HandClock) -> None:
    first = await claimed(kernel, run(max_attempts=2))
    await append(database, first, 1, "a", "b")
    await kernel.finish(first.id, first.fencing_token, Failed("X", "x", retryable=True))
    clock.advance(5)
    second = await claim(kernel)
    assert second is not None

    await append(database, second, 1, "c")

    assert await stored(database, first.id) == [(1, "a"), (2, "b"), (3, "c")]


async def test_a_claim_after_a_release_numbers_its_lines_anew(kernel: Kernel, database: Database) -> None:
    first = await claimed(kernel)
    await append(database, first, 1, "a")
    await kernel.release(first.id, first.fencing_token)
    second = await claim(kernel)
    assert second is not None

    await append(database, second, 1, "b")

    assert await stored(database, first.id) == [(1, "a"), (2, "b")]


async def test_a_lost_or_ended_lease_stores_nothing(kernel: Kernel, database: Database) -> None:
    row = await claimed(kernel)
    await kernel.finish(row.id, row.fencing_token, Succeeded())

    with pytest.raises(LeaseLost):
        await append(database, row, 1, "late")

    assert await stored(database, row.id) == []


async def test_calls_at_once_store_each_line_once(kernel: Kernel, database: Database) -> None:
    row = await claimed(kernel)
    texts = [str(n) for n in range(1, 51)]

    async def send(first: int) -> None:
        while True:
            try:
                await append(database, row, first, *texts[first - 1 : first + 9])
            except LogGap:
                await asyncio.sleep(0.01)
            else:
                return

    await asyncio.gather(*(send(first) for first in [41, 1, 11, 21, 31, 1, 15, 6, 41]))

    assert await stored(database, row.id) == [(int(text), text) for text in texts]


async def test_a_large_batch_is_stored_whole(kernel: Kernel, database: Database) -> None:
    row = await claimed(kernel)
    texts = [f"line {n}" for n in range(1, 1778)]

    await append(database, row, 1, *texts)

    assert await stored(database, row.id) == list(enumerate(texts, 1))


async def test_pruning_goes_in_small_steps_and_counts_what_is_left(
    kernel: Kernel, database: Database, clock: HandClock
) -> None:
    row = await claimed(kernel)
    await append(database, row, 1, *(str(n) for n in range(1, 26)))
    await kernel.finish(row.id, row.fencing_token, Succeeded())
    clock.advance(100)
    left: list[tuple[int, int]] = []

    async def prune() -> bool:
        pruned = await database.write(
            lambda c: pruning.prune(c, kind="run_bot", older_than=NOON + 1, limit=10, now=clock.now)
        )
        head = await database.read(lambda c: log_store.head(c, row.id))
        assert head is not None
        left.append((pruned.line_count, head.line_count))
        return pruned.more

    while await prune():
        assert len(await stored(database, row.id)) == left[-1][1]

    assert left == [(10, 15), (10, 5), (5, 0), (0, 0)]
    assert (await kernel.get(row.id)).prune_time == clock.now


async def test_what_is_young_or_not_final_is_not_pruned(kernel: Kernel, database: Database) -> None:
    running = await claimed(kernel)
    await append(database, running, 1, "a")
    young = await claimed(kernel)
    await kernel.finish(young.id, young.fencing_token, Succeeded())

    pruned = await database.write(lambda c: pruning.prune(c, kind="run_bot", older_than=NOON, limit=10, now=NOON))

    assert not pruned.more
