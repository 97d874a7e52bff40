"""Patience with a cloud."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from workers.environments.provider import ProviderFailed
from workers.environments.retrying import Later, Patience, Pauses, carried_out

NONE = Pauses(tries=(0.0, 0.0), longest=0.0, look=0.0, patience=0.0)


def _step(*answers: str | Exception) -> Callable[[], Awaitable[str]]:
    left = list(answers)

    async def step() -> str:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return step


async def test_what_works_later_is_as_if_it_had_worked_at_once() -> None:
    assert await Patience("X", NONE).insist(_step(Later("busy"), Later("busy"), "done")) == "done"


async def test_what_never_works_fails_as_busy_and_the_words_of_the_cloud_are_its_cause() -> None:
    with pytest.raises(ProviderFailed) as failure:
        await Patience("X", NONE).insist(_step(*[Later("shard 7 is down")] * 3))

    assert (failure.value.kind, failure.value.retryable) == ("ProviderBusy", True)
    assert "shard 7" not in str(failure.value)
    assert str(failure.value.__cause__) == "shard 7 is down"


async def test_what_will_not_work_is_not_tried_again() -> None:
    with pytest.raises(ProviderFailed, match="over the quota"):
        await Patience("X", NONE).insist(_step(ProviderFailed("over the quota"), "done"))


async def test_a_cloud_that_asks_for_a_day_does_not_get_it() -> None:
    async with asyncio.timeout(10):
        assert await Patience("X", NONE).insist(_step(Later("busy", after_seconds=86400.0), "done")) == "done"


async def test_a_pause_that_is_asked_for_is_kept() -> None:
    patience = Patience("X", Pauses(tries=(0.0,), longest=3600.0))
    waiting = asyncio.create_task(patience.insist(_step(Later("busy", after_seconds=3600.0), "done")))

    await asyncio.wait([waiting], timeout=0.05)

    assert not waiting.done()
    waiting.cancel()


async def test_what_takes_too_long_fails_and_may_be_tried_again() -> None:
    async def look() -> None:
        return None

    with pytest.raises(ProviderFailed, match="waited too long for the disk at X") as failure:
        await Patience("X", NONE).wait_for(look, "the disk")

    assert failure.value.retryable


async def test_a_call_that_was_sent_is_waited_for_though_it_is_broken_off() -> None:
    answered = asyncio.Event()
    sent = asyncio.Event()
    ended: list[str] = []

    async def call() -> None:
        sent.set()
        await answered.wait()
        ended.append("carried out")

    calling = asyncio.create_task(carried_out(call()))
    await sent.wait()
    calling.cancel()
    await asyncio.wait([calling], timeout=0.01)
    assert not calling.done()
    answered.set()

    with pytest.raises(asyncio.CancelledError):
        await calling
    assert ended == ["carried out"]
