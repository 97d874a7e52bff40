"""Calls on their way to a session and back."""

import asyncio

import pytest

from server.comfy.calls import Calls
from server.errors import BrowserGone, NotFound
from server.tasks.changes import Watch
from switchyard.comfy.v1 import comfy_worker_service_pb2 as pb

OPEN = pb.FollowCallsResponse.Open(workflow_path="x.json")
OPENED = pb.AnswerCallRequest.Opened(node_count=1)


def asked(calls: Calls, session_id: str = "s") -> "asyncio.Task[pb.AnswerCallRequest]":
    return asyncio.create_task(calls.ask(session_id, pb.FollowCallsResponse(open=OPEN)))


async def test_a_call_wakes_its_follower_and_its_answer_comes_back() -> None:
    calls, watch = Calls(), Watch()
    with calls.follow("s", watch) as follower:
        asking = asked(calls)
        assert await watch.wait(60)
        (call,) = follower.take()

        calls.answer("s", pb.AnswerCallRequest(number=call.number, opened=OPENED))

    assert (await asking).opened == OPENED


async def test_answers_find_their_own_callers() -> None:
    calls = Calls()
    with calls.follow("s", Watch()) as follower:
        first, second = asked(calls), asked(calls)
        await asyncio.sleep(0)
        numbers = [call.number for call in follower.take()]

        for number, node_count in ((numbers[1], 2), (numbers[0], 1)):
            opened = pb.AnswerCallRequest.Opened(node_count=node_count)
            calls.answer("s", pb.AnswerCallRequest(number=number, opened=opened))

    assert [(await one).opened.node_count for one in (first, second)] == [1, 2]


async def test_a_call_that_nobody_follows_in_time_is_refused() -> None:
    with pytest.raises(BrowserGone):
        await asked(Calls(follower_seconds=0.01))


async def test_a_call_that_is_not_answered_in_time_is_refused() -> None:
    calls = Calls(answer_seconds=0.01)
    with calls.follow("s", Watch()), pytest.raises(BrowserGone):
        await asked(calls)


async def test_a_call_is_refused_when_its_follower_does_not_come_back() -> None:
    calls = Calls(follower_seconds=0.01)
    with calls.follow("s", Watch()):
        asking = asked(calls)
        await asyncio.sleep(0)

    with pytest.raises(BrowserGone):
        await asking


async def test_whoever_comes_back_gets_what_is_not_answered_once_more() -> None:
    calls = Calls()
    with calls.follow("s", Watch()) as follower:
        asking = asked(calls)
        await asyncio.sleep(0)
        before = follower.take()
    with calls.follow("s", Watch()) as follower:
        again = follower.take()
        calls.answer("s", pb.AnswerCallRequest(number=again[0].number, opened=OPENED))

    assert before == again
    await asking


async def test_the_end_of_a_session_refuses_its_calls_and_no_others() -> None:
    calls = Calls()
    with calls.follow("s", Watch()), calls.follow("t", Watch()) as other:
        asking, asking_other = asked(calls), asked(calls, "t")
        await asyncio.sleep(0)

        calls.session_ended("s", "the browser crashed")

        with pytest.raises(BrowserGone) as refusal:
            await asking
        assert refusal.value.metadata == {"cause": "the browser crashed"}
        calls.answer("t", pb.AnswerCallRequest(number=other.take()[0].number, opened=OPENED))
        assert (await asking_other).opened == OPENED


async def test_an_answer_comes_once_and_to_its_own_session() -> None:
    calls = Calls()
    with calls.follow("s", Watch()) as follower:
        asking = asked(calls)
        await asyncio.sleep(0)
        answer = pb.AnswerCallRequest(number=follower.take()[0].number, opened=OPENED)
        for session_id in ("t", "s"):
            if session_id == "s":
                calls.answer("s", answer)
                await asking
            with pytest.raises(NotFound):
                calls.answer(session_id, answer)


async def test_a_caller_who_leaves_leaves_nothing_behind() -> None:
    calls = Calls()
    with calls.follow("s", Watch()) as follower:
        asking = asked(calls)
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking])

        assert follower.take() == []
    assert calls._lines == {}
