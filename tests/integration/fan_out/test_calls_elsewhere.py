"""Calls to a session whose worker follows at another server than the caller asks."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from server.comfy.calls import Calls, Follower
from server.errors import BrowserGone, NotFound
from server.tasks.changes import Watch
from switchyard.comfy.v1 import comfy_worker_service_pb2 as pb
from tests.integration.fan_out.joined import Joined, joined, met, until
from tests.patience import PATIENCE
from tests.valkey import Valkey

OPEN = pb.FollowCallsResponse.Open(workflow_path="x.json")
# So long a call waits for somebody to follow.
SECONDS = 1.0


@dataclass
class Server:
    """One server, what carries its messages, and the calls made or followed there."""

    joined: Joined
    calls: Calls

    def ask(self, session_id: str = "s") -> "asyncio.Task[pb.AnswerCallRequest]":
        return asyncio.create_task(self.calls.ask(session_id, pb.FollowCallsResponse(open=OPEN)))

    def answer(self, number: int, node_count: int = 1) -> None:
        opened = pb.AnswerCallRequest.Opened(node_count=node_count)
        self.calls.answer("s", pb.AnswerCallRequest(number=number, opened=opened))


Servers = Sequence[Server]


async def servers_at(url: str, stack: AsyncExitStack, count: int) -> list[Server]:
    key = os.urandom(32)
    found = [await stack.enter_async_context(joined(url, key)) for _ in range(count)]
    for other in found[1:]:
        await met(found[0], other)
    return [Server(one, Calls(one.fan_out, follower_seconds=SECONDS)) for one in found]


@pytest.fixture
async def servers(shared_valkey: Valkey) -> AsyncIterator[Servers]:
    async with AsyncExitStack() as stack:
        yield await servers_at(shared_valkey.url, stack, 3)


async def taken(follower: Follower) -> list[int]:
    """Wait for calls and return their numbers."""
    async with asyncio.timeout(PATIENCE):
        while not (calls := follower.take()):
            await follower.watch.wait(PATIENCE)
    return [call.number for call in calls]


@pytest.mark.parametrize("answered_at", [0, 1, 2])
async def test_a_call_is_answered_wherever_its_worker_follows_and_answers(servers: Servers, answered_at: int) -> None:
    caller, held_at, _ = servers
    with held_at.calls.follow("s", Watch()) as follower:
        asking = caller.ask()
        (number,) = await taken(follower)

        servers[answered_at].answer(number)

        assert (await asking).opened.node_count == 1
        await until(lambda: not held_at.calls._lines["s"].calls)
    assert caller.calls._lines == held_at.calls._lines == {}


async def test_calls_of_many_servers_find_their_own_answers(servers: Servers) -> None:
    with servers[1].calls.follow("s", Watch()) as follower:
        asking = [server.ask() for server in servers for _ in range(10)]
        numbers: list[int] = []
        while len(numbers) < len(asking):
            fresh = await taken(follower)
            numbers += fresh
            for number in fresh:
                servers[1].answer(number, number % 1_000_000)
        answers = await asyncio.gather(*asking)

    assert len(set(numbers)) == len(asking) == len(numbers)
    assert sorted(one.opened.node_count for one in answers) == sorted(number % 1_000_000 for number in numbers)


async def test_a_call_that_is_asked_once_more_after_its_answer_is_not_done_again(servers: Servers) -> None:
    caller, held_at, _ = servers
    with held_at.calls.follow("s", Watch()) as follower:
        asking = caller.ask()
        (number,) = await taken(follower)
        (call,) = [waiting.call for waiting in held_at.calls._lines["s"].calls.values()]

        held_at.answer(number)
        held_at.calls.take_over("s", call)

        assert follower.take() == []
        assert (await asking).opened.node_count == 1
        with pytest.raises(NotFound):
            held_at.answer(number)


async def test_an_answer_that_was_lost_is_passed_on_again_to_whoever_still_waits(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller, held_at, _ = servers
    with held_at.calls.follow("s", Watch()) as follower:
        asking = caller.ask()
        (number,) = await taken(follower)
        with monkeypatch.context() as lost:
            lost.setattr(held_at.calls._elsewhere, "answer", lambda *_: None)
            held_at.answer(number)

        async with asyncio.timeout(PATIENCE):
            assert (await asking).opened.node_count == 1


async def test_a_call_waits_for_a_worker_that_comes_to_another_server(servers: Servers) -> None:
    asking = servers[0].ask()
    await asyncio.sleep(SECONDS / 3)

    with servers[2].calls.follow("s", Watch()) as follower:
        servers[2].answer(*await taken(follower))
        await asking


async def test_a_call_that_takes_long_is_not_given_up_while_it_is_held(servers: Servers) -> None:
    with servers[1].calls.follow("s", Watch()) as follower:
        asking = servers[0].ask()
        (number,) = await taken(follower)
        await asyncio.sleep(3 * SECONDS)
        assert not asking.done()
        assert follower.take() == []

        servers[1].answer(number)
        await asking


async def test_a_worker_that_moves_to_another_server_gets_what_is_not_answered_once_more(servers: Servers) -> None:
    with servers[1].calls.follow("s", Watch()) as before:
        asking = servers[0].ask()
        numbers = await taken(before)
        # The server that the worker left has not noticed.
        with servers[2].calls.follow("s", Watch()) as follower:
            assert await taken(follower) == numbers
            await until(lambda: before.replaced)
            servers[2].answer(*numbers)
            await asking


async def test_a_call_is_refused_when_the_server_that_holds_it_dies(shared_valkey: Valkey) -> None:
    async with AsyncExitStack() as stack, AsyncExitStack() as dying:
        key = os.urandom(32)
        one = await stack.enter_async_context(joined(shared_valkey.url, key))
        other = await dying.enter_async_context(joined(shared_valkey.url, key))
        await met(one, other)
        caller, held_at = (Server(each, Calls(each.fan_out, follower_seconds=SECONDS)) for each in (one, other))
        with held_at.calls.follow("s", Watch()) as follower:
            asking = caller.ask()
            await taken(follower)
            await dying.aclose()

            with pytest.raises(BrowserGone):
                await asking


async def test_a_caller_who_leaves_leaves_nothing_behind_elsewhere(servers: Servers) -> None:
    with servers[1].calls.follow("s", Watch()) as follower:
        asking = servers[0].ask()
        await until(lambda: bool(servers[1].calls._lines["s"].calls))
        asking.cancel()
        await until(lambda: not servers[1].calls._lines["s"].calls)

        assert follower.take() == []


async def test_a_call_of_a_server_that_died_is_not_passed_on(servers: Servers) -> None:
    with servers[1].calls.follow("s", Watch()) as follower:
        servers[1].calls.take_over("s", pb.FollowCallsResponse(number=7, open=OPEN))
        await asyncio.sleep(2 * SECONDS + 0.1)

        assert follower.take() == []


async def test_the_end_of_a_session_refuses_its_calls_everywhere(servers: Servers) -> None:
    with servers[1].calls.follow("s", Watch()) as follower:
        asking = servers[0].ask()
        await taken(follower)

        servers[2].calls.session_ended("s", "the browser crashed")

        with pytest.raises(BrowserGone) as refusal:
            await asking
    assert refusal.value.metadata == {"cause": "the browser crashed"}


async def test_an_answer_that_nobody_waits_for_is_refused_where_the_session_is_followed(servers: Servers) -> None:
    with servers[1].calls.follow("s", Watch()), pytest.raises(NotFound):
        servers[1].answer(1)


async def test_calls_go_on_when_redis_comes_back_and_are_refused_if_it_does_not(valkey: Valkey) -> None:
    async with AsyncExitStack() as stack:
        caller, held_at = await servers_at(valkey.url, stack, 2)
        with held_at.calls.follow("s", Watch()) as follower, caller.calls.follow("here", Watch()) as here:
            asking = caller.ask()
            numbers = await taken(follower)
            valkey.kill()
            await until(lambda: caller.joined.fan_out.deaf)
            in_one_process = caller.ask("here")
            opened = pb.AnswerCallRequest.Opened(node_count=1)
            caller.calls.answer("here", pb.AnswerCallRequest(number=(await taken(here))[0], opened=opened))
            assert await in_one_process
            valkey.start()
            await until(lambda: not caller.joined.fan_out.alone and not held_at.joined.fan_out.alone)
            held_at.answer(*numbers)
            assert await asking

            valkey.kill()
            with pytest.raises(BrowserGone):
                await caller.ask()
