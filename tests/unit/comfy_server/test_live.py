"""Events on their way to those who follow."""

import pytest

from server.comfy import live
from server.comfy.live import Live, Moment
from server.errors import ReaderTooSlow
from switchyard.comfy.v1.prompt_pb2 import PromptEvent


def event(**fields: object) -> PromptEvent:
    return PromptEvent(kind=PromptEvent.KIND_NODE, **fields)  # type: ignore[arg-type]


def test_a_follower_of_a_session_hears_every_prompt_and_one_of_a_prompt_only_that() -> None:
    hub = Live()
    with hub.follow("s") as everything, hub.follow("s", "p1") as one, hub.follow("other") as nothing:
        hub.publish("s", "p1", [event(node_id="1")])
        hub.publish("s", "p2", [event(node_id="2")])

        heard = [[found.node_id for found in follower.take()] for follower in (everything, one, nothing)]

    assert heard == [["1", "2"], ["1"], []]


def test_what_was_taken_is_not_given_again() -> None:
    hub = Live()
    with hub.follow("s") as follower:
        hub.publish("s", "p1", [event()])
        follower.take()

        assert follower.take() == []


def test_a_reader_that_is_too_slow_is_told() -> None:
    hub = Live()
    with hub.follow("s") as follower:
        for _ in range(live.KEPT_EVENTS + 1):
            hub.publish("s", "p1", [event()])

        with pytest.raises(ReaderTooSlow):
            follower.take()


async def test_whoever_begins_looks_at_once_and_then_when_something_changes() -> None:
    hub = Live()
    with hub.follow("s") as follower:
        first = await follower.wait(60)
        hub.publish("s", "p1", [event()])
        second = await follower.wait(60)
        hub.session_changed("s")
        third = await follower.wait(60)

    assert (first, second, third) == (True, False, True)


async def test_without_any_word_it_is_time_to_look_after_a_while() -> None:
    hub = Live()
    with hub.follow("s") as follower:
        follower.look_again()
        await follower.wait(60)

        assert await follower.wait(0.001)


def test_how_far_a_prompt_is_is_what_was_said_last() -> None:
    hub = Live()
    hub.publish("s", "p1", [event(node_id="3", fraction=0.25)])
    hub.publish("s", "p1", [PromptEvent(kind=PromptEvent.KIND_PROGRESS, node_id="4", fraction=0.5)])
    hub.publish("s", "p1", [PromptEvent(kind=PromptEvent.KIND_CACHED)])

    assert hub.moment("p1") == Moment(0.5, "3")
    assert hub.moment("p2") is None


def test_the_prompts_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "KNOWN_PROMPTS", 2)
    hub = Live()
    for prompt_id in ("p1", "p2", "p3"):
        hub.publish("s", prompt_id, [event(fraction=0.5)])

    assert [hub.moment(one) is not None for one in ("p1", "p2", "p3")] == [False, True, True]
