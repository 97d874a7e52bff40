"""Hints on a real Valkey, which may go away."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

import pytest
from arq.connections import ArqRedis
from redis.asyncio import ConnectionPool

from server.tasks.queue import QUEUE_LIMIT, QUEUE_NAME, QueueUrlInvalid, WorkQueue
from tests.valkey import Valkey, running_valkey


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    with running_valkey(on_socket=True) as server:
        yield server


@asynccontextmanager
async def running(queue: WorkQueue) -> AsyncIterator[None]:
    task = asyncio.create_task(queue.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def hints(valkey: Valkey) -> list[str]:
    """Return the kinds that wait on the queue, in their order."""
    redis = ArqRedis(ConnectionPool.from_url(valkey.url))
    jobs = await redis.queued_jobs(queue_name=QUEUE_NAME)
    await redis.aclose(close_connection_pool=True)
    return sorted(job.args[0] for job in jobs)


async def eventually(valkey: Valkey, expected: list[str]) -> None:
    async with asyncio.timeout(5.0):
        while await hints(valkey) != expected:
            await asyncio.sleep(0.02)


async def test_each_announced_task_is_one_hint(valkey: Valkey) -> None:
    queue = WorkQueue(valkey.url)
    async with running(queue):
        queue.announce(["run_bot", "run_bot", "validate_bot"])

        await eventually(valkey, ["run_bot", "run_bot", "validate_bot"])


async def test_hints_that_nobody_takes_do_not_pile_up(valkey: Valkey) -> None:
    queue = WorkQueue(valkey.url)
    async with running(queue):
        for _ in range(3):
            queue.announce(["run_bot"] * 1000 + ["validate_bot"])
            await asyncio.sleep(0.2)

        assert len(await hints(valkey)) == QUEUE_LIMIT
        assert "validate_bot" in await hints(valkey)


async def test_a_queue_that_is_away_costs_nobody_anything(valkey: Valkey) -> None:
    queue = WorkQueue(valkey.url)
    async with running(queue):
        valkey.stop()
        queue.announce(["run_bot"])
        await asyncio.sleep(0.2)
        away = await queue.reachable()
        valkey.start()
        await asyncio.sleep(0.6)
        queue.announce(["validate_bot"])

        await eventually(valkey, ["validate_bot"])
        assert not away
        assert await queue.reachable()


@pytest.mark.parametrize("url", ["http://localhost", "localhost:6379", ""])
def test_a_url_of_another_form_is_refused(url: str) -> None:
    with pytest.raises(QueueUrlInvalid):
        WorkQueue(url)
