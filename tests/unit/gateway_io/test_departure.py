"""A call ends when its client leaves; short calls are not watched."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.calls.departure import Departure, LongCalls
from gateway.http.request_body import ClientGone, Event

SECONDS = 0.02


def channel() -> tuple[Callable[[], Awaitable[Event]], asyncio.Event, list[str]]:
    """What a departure reads from, what makes the client leave, and a mark for every time somebody reads."""
    left, reads = asyncio.Event(), list[str]()

    async def receive() -> Event:
        reads.append("read")
        await left.wait()
        return {"type": "http.disconnect"}

    return receive, left, reads


async def test_a_long_call_ends_when_its_client_leaves() -> None:
    receive, left, _ = channel()
    left.set()

    with pytest.raises(ClientGone), Departure(receive, LongCalls(SECONDS)):
        await asyncio.sleep(60)


async def test_calls_that_begin_at_any_time_are_watched_after_twice_the_time_at_the_latest() -> None:
    receive, _, reads = channel()
    long_calls = LongCalls(SECONDS)

    async def call(begin: float) -> None:
        await asyncio.sleep(begin)
        with Departure(receive, long_calls):
            await asyncio.sleep(4 * SECONDS)

    await asyncio.gather(*(call(n * SECONDS / 3) for n in range(6)))

    assert len(reads) == 6


async def test_a_short_call_is_not_watched() -> None:
    receive, left, reads = channel()
    left.set()
    long_calls = LongCalls(SECONDS)

    for _ in range(3):
        with Departure(receive, long_calls):
            await asyncio.sleep(0)
    await asyncio.sleep(3 * SECONDS)

    assert reads == []


def test_a_loop_that_was_closed_does_not_keep_later_ones_from_watching() -> None:
    long_calls = LongCalls(SECONDS)

    async def short() -> None:
        receive, _, _ = channel()
        with Departure(receive, long_calls):
            await asyncio.sleep(0)

    async def long() -> None:
        receive, left, _ = channel()
        left.set()
        with Departure(receive, long_calls):
            await asyncio.sleep(60)

    asyncio.run(short())  # leaves a timer behind that never fires
    with pytest.raises(ClientGone):
        asyncio.run(long())


def test_calls_on_the_loops_of_two_threads_end_each_with_its_own_client() -> None:
    long_calls = LongCalls(SECONDS)
    first_is_open, second_is_open = threading.Event(), threading.Event()

    async def first() -> str:
        receive, _, _ = channel()
        with Departure(receive, long_calls):
            first_is_open.set()
            second_is_open.wait(10)  # blocks its loop: this task is the one that runs there when the other call begins
            await asyncio.sleep(4 * SECONDS)
        return "went on"

    async def second() -> None:
        receive, left, _ = channel()
        left.set()
        first_is_open.wait(10)
        with Departure(receive, long_calls):
            second_is_open.set()
            async with asyncio.timeout(10):
                await asyncio.sleep(60)

    with ThreadPoolExecutor() as threads:
        stayed, left = threads.submit(asyncio.run, first()), threads.submit(asyncio.run, second())

    assert stayed.result() == "went on"
    assert isinstance(left.exception(), ClientGone)


async def test_the_reason_for_leaving_is_raised_and_the_task_goes_on() -> None:
    receive, _, _ = channel()
    task = asyncio.current_task()
    assert task is not None

    async def leave() -> None:
        with Departure(receive) as departure:
            departure.leave(ClientGone("told to"))
            await asyncio.sleep(60)

    with pytest.raises(ClientGone, match="told to"):
        await leave()

    assert task.cancelling() == 0
