"""Following prompts: how they stand, what happens to them, and their end, over HTTP and gRPC."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from switchyard.comfy.v1 import workflow_service_pb2 as pb
from switchyard.comfy.v1.prompt_pb2 import Prompt, PromptEvent
from tests.integration.comfy.holder import Holder, Holders, Sent, get, post, until
from tests.integration.orchestrator.serving import Site
from tests.patience import PATIENCE

STATUS, NODE, PROGRESS = PromptEvent.KIND_STATUS, PromptEvent.KIND_NODE, PromptEvent.KIND_PROGRESS
RUNNING, SUCCESS = Prompt.STATUS_RUNNING, Prompt.STATUS_SUCCESS


async def in_flight(site: Site, holder: Holder, **body: Any) -> Sent:
    """Queue the open workflow and have its first prompt sent."""
    queueing = asyncio.create_task(post(site.http, "/workflow/queue", **body))
    sent = await holder.sent()
    assert (await queueing)[0] == 200
    return sent


async def next_of(stream: AsyncIterator[Any]) -> Any:
    async with asyncio.timeout(PATIENCE):
        return await anext(stream)


async def rest_of(stream: AsyncIterator[Any]) -> list[Any]:
    async with asyncio.timeout(PATIENCE):
        return [message async for message in stream]


def told(messages: list[Any]) -> list[tuple[str, Any]]:
    """Return what is told of statuses and nodes, in order."""
    return [
        (event.prompt_id, event.prompt.status if event.kind == STATUS else event.node_id)
        for message in messages
        for event in message.events
    ]


def watch_prompt(site: Site, prompt_id: str) -> AsyncIterator[Any]:
    stub = site.stub("comfy.WorkflowService")
    stream: AsyncIterator[Any] = aiter(
        stub.WatchPrompt(pb.WatchPromptRequest(prompt_id=prompt_id), metadata=site.admin)
    )
    return stream


def watch_session(site: Site, session: str = "") -> AsyncIterator[Any]:
    stub = site.stub("comfy.WorkflowService")
    stream: AsyncIterator[Any] = aiter(stub.WatchSession(pb.WatchSessionRequest(session=session), metadata=site.admin))
    return stream


async def test_a_prompt_is_followed_from_how_it_stands_to_its_end(site: Site, holders: Holders) -> None:
    holder = await holders.opened()
    sent = await in_flight(site, holder)
    stream = watch_prompt(site, sent.id)
    beginning = await next_of(stream)

    await sent.report(None, PromptEvent(kind=NODE, node_id="3", node_type="KSampler", fraction=0.5))
    await sent.report(None, PromptEvent(kind=PROGRESS, node_id="3", value=10, max=20, fraction=0.75))
    shown = await get(site.http, f"/workflow/prompts/{sent.id}")
    await sent.succeed()
    messages = await rest_of(stream)

    assert told([beginning]) == [(sent.id, RUNNING)]
    assert told(messages) == [(sent.id, "3"), (sent.id, "3"), (sent.id, SUCCESS)]
    assert (shown["progress"], shown["current_node"]) == (0.75, "3")
    assert (messages[-1].end.status, messages[-1].end.progress) == (SUCCESS, 1.0)
    assert [message.HasField("end") for message in messages[:-1]] == [False] * (len(messages) - 1)


async def test_whoever_follows_a_prompt_that_has_ended_gets_its_end(site: Site, holders: Holders) -> None:
    holder = await holders.opened()
    sent = await in_flight(site, holder)
    await sent.fail("NodeFailed")

    messages = await rest_of(watch_prompt(site, sent.id))

    assert told(messages) == [(sent.id, Prompt.STATUS_ERROR)]
    assert messages[-1].end.error.type == "NodeFailed"


async def test_an_end_that_nobody_reports_is_told_as_well(site: Site, holders: Holders) -> None:
    holder = await holders.opened()
    sent = await in_flight(site, holder, iterations=2)
    ids = [one["prompt_id"] for one in (await get(site.http, "/workflow/prompts"))["prompts"]]
    waiting = next(one for one in ids if one != sent.id)
    stream = watch_prompt(site, waiting)
    await next_of(stream)

    await holder.fail("BrowserCrashed")

    messages = await rest_of(stream)
    assert messages[-1].end.status == Prompt.STATUS_LOST


async def test_a_follower_of_one_prompt_hears_nothing_of_others(site: Site, holders: Holders) -> None:
    holder = await holders.opened()
    first = await in_flight(site, holder, iterations=2)
    ids = [one["prompt_id"] for one in (await get(site.http, "/workflow/prompts"))["prompts"]]
    second_id = next(one for one in ids if one != first.id)
    stream = watch_prompt(site, second_id)
    await next_of(stream)

    await first.report(None, PromptEvent(kind=NODE, node_id="3"))
    await first.succeed()
    await (await holder.take()).succeed()

    assert {prompt_id for prompt_id, _ in told(await rest_of(stream))} == {second_id}


async def test_a_session_is_followed_until_it_is_over(site: Site, holders: Holders) -> None:
    holder = await holders.opened()
    old = await in_flight(site, holder)
    await old.succeed()
    first = await in_flight(site, holder)
    stream = watch_session(site)
    beginning = await next_of(stream)

    (later,) = await holders.queued()
    await first.report(None, PromptEvent(kind=NODE, node_id="3"))
    await first.succeed()
    second = await holder.take()
    await post(site.http, f"/workflow/prompts/{second.id}/cancel")
    await second.end_cancelled()
    await post(site.http, "/session/stop")
    messages = await rest_of(stream)

    assert told([beginning]) == [(first.id, RUNNING)]
    heard = told(messages)
    assert [what for prompt_id, what in heard if prompt_id == first.id] == ["3", SUCCESS]
    assert heard[-1] == (later, Prompt.STATUS_CANCELLED)
    assert messages[-1].end.reason == "stopped"


async def test_every_reader_of_a_session_hears_of_every_prompt(site: Site, holders: Holders) -> None:
    holder = await holders.opened()
    readers = [watch_session(site) for _ in range(3)]
    first = await in_flight(site, holder, iterations=20)
    reading = [asyncio.create_task(rest_of(reader)) for reader in readers]
    await first.succeed()
    for _ in range(19):
        await (await holder.take()).succeed()
    await post(site.http, "/session/stop")

    for messages in await asyncio.gather(*reading):
        assert len({prompt_id for prompt_id, what in told(messages) if what == SUCCESS}) == 20


async def test_events_are_sent_as_server_sent_events_with_the_end_last(site: Site, holders: Holders) -> None:
    holder = await holders.opened()
    sent = await in_flight(site, holder)
    await sent.succeed()

    answer = await site.http.get(f"/workflow/prompts/{sent.id}/events")

    assert answer.headers["content-type"].startswith("text/event-stream")
    blocks = [block.splitlines() for block in answer.text.strip().split("\n\n")]
    data = [json.loads(line.removeprefix("data: ")) for block in blocks for line in block if line.startswith("data:")]
    assert [one["kind"] for one in data[:-1]] == ["status"]
    assert "event: end" in blocks[-1]
    assert (data[-1]["prompt_id"], data[-1]["status"]) == (sent.id, "success")


async def test_what_is_unknown_or_over_cannot_be_followed(site: Site, holders: Holders) -> None:
    unknown = await site.http.get("/workflow/prompts/nobody/events")
    over = await site.http.get("/workflow/events?session=never")

    assert (unknown.status_code, over.status_code) == (404, 400)


async def test_status_tells_how_the_prompts_stand(site: Site, holders: Holders) -> None:
    holder = await holders.opened()
    sent = await in_flight(site, holder, iterations=3)
    await sent.report(None, PromptEvent(kind=NODE, node_id="9", fraction=0.25))

    status = await get(site.http, "/workflow/status")

    assert (status["queued"], status["running"], status["success"]) == (2, 1, 0)
    assert (status["current"]["prompt_id"], status["current"]["current_node"]) == (sent.id, "9")
    assert (await get(site.http, "/session/status"))["prompts_active"] == 3
    await sent.succeed()
    await until(lambda: _nothing_runs(site))


async def _nothing_runs(site: Site) -> bool:
    status = await get(site.http, "/workflow/status")
    return status["running"] == 0 and status["current"] is None
