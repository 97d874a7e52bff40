"""Workflows are queued: a prompt for each iteration."""

import asyncio
from typing import Any

import pytest

from tests.integration.comfy.holder import GRAPH, Holders, get, post, queue, statuses
from tests.integration.orchestrator.serving import Site


@pytest.mark.parametrize(
    "body",
    [
        {"iterations": 0},
        {"iterations": 101},
        {"iterations": 2.5},
        {"iterations": "x"},
        {"iterations": "2"},
        {"iterations": -1},
        {"iterations": 2**40},
        {"iterations": [1]},
        {"inputs": []},
        {"inputs": "x"},
        {"inputs": 5},
        {"seed_policy": "lucky"},
        {"seed": -1},
        {"seed": 1.5},
        {"session": "x" * 65},
        {"timeout_seconds": 0},
        {"timeout_seconds": 86_401},
    ],
)
async def test_what_is_out_of_bounds_is_not_queued(site: Site, holders: Holders, body: dict[str, Any]) -> None:
    holder = await holders.opened()

    status, answer = await post(site.http, "/workflow/queue", **body)

    assert status == 400
    assert next(iter(body)) in answer["detail"]
    assert len(holder.calls) == 1
    assert (await get(site.http, "/workflow/prompts"))["prompts"] == []


async def test_a_queue_of_n_makes_n_prompts_that_are_sent_one_after_the_other(site: Site, holders: Holders) -> None:
    holder = await holders.opened()
    queueing = await queue(site, iterations=3)

    first = await holder.sent("c1")
    status, body = await queueing

    ids = body["details"]["prompt_ids"]
    assert (status, body["success"], body["message"]) == (200, True, "Queued 3 executions")
    assert (body["details"]["iterations"], len(set(ids)), first.id) == (3, 3, ids[0])
    assert await statuses(site, ids) == ["running", "queued", "queued"]
    assert await holder.claim() is None
    await first.succeed()
    second = await holder.sent("c2")
    await second.fail("NodeFailed", "CUDA out of memory")
    third = await holder.take()
    assert [second.id, third.id] == ids[1:]
    assert await statuses(site, ids) == ["success", "error", "running"]
    failed = await get(site.http, f"/workflow/prompts/{ids[1]}")
    assert failed["error"] == {
        "type": "NodeFailed",
        "message": "CUDA out of memory",
        "node_id": "3",
        "node_type": "KSampler",
    }
    assert (failed["comfy_prompt_id"], failed["iteration"]) == ("c2", 1)


async def test_iterations_are_one_unless_said(site: Site, holders: Holders) -> None:
    holder = await holders.opened()
    queueing = await queue(site)
    await holder.sent()

    _, body = await queueing

    assert (body["message"], body["details"]["iterations"]) == ("Queued 1 execution", 1)


@pytest.mark.parametrize(("asked", "seconds"), [({"timeout_seconds": 90}, 90), ({}, 6 * 3600)])
async def test_each_prompt_has_its_time_from_when_it_is_sent(
    site: Site, holders: Holders, asked: dict[str, int], seconds: int
) -> None:
    holder = await holders.opened()
    queueing = await queue(site, iterations=2, **asked)
    first = await holder.sent()
    await queueing
    await first.fail("Timeout", "ComfyUI has not finished it")

    second = await holder.take()

    assert [sent.claimed.attempt_timeout.seconds for sent in (first, second)] == [seconds, seconds]
    shown = await get(site.http, f"/workflow/prompts/{first.id}")
    assert (shown["status"], shown["error"]["type"]) == ("error", "Timeout")


async def test_inputs_and_seeds_reach_the_session_and_each_iteration_has_its_seed(site: Site, holders: Holders) -> None:
    holder = await holders.opened()
    inputs = {"3": {"steps": 5}, "Title": {"text": "x"}}
    queueing = await queue(site, iterations=2, inputs=inputs, seed_policy="increment", seed=41)

    first = await holder.sent()
    await queueing
    await first.succeed()
    second = await holder.take()

    composed = holder.calls[1].compose
    assert (composed.iterations, composed.seed, '"steps":5' in composed.inputs) == (2, 41, True)
    assert [one.claimed.seed for one in (first, second)] == [41, 42]
    assert second.graph == GRAPH
    prompts = (await get(site.http, "/workflow/prompts"))["prompts"]
    assert [one["seed"] for one in prompts] == [42, 41]


async def test_a_graph_that_comfyui_refuses_is_an_error_and_none_of_its_prompts_waits(
    site: Site, holders: Holders
) -> None:
    holder = await holders.opened()
    queueing = await queue(site, iterations=3)

    await (await holder.take()).fail("GraphRefused", "KSampler 3: steps: Value 0 smaller than min of 1")

    assert await queueing == (
        400,
        {"detail": "KSampler 3: steps: Value 0 smaller than min of 1"},
    )
    prompts = (await get(site.http, "/workflow/prompts"))["prompts"]
    assert [one["status"] for one in prompts] == ["cancelled", "cancelled", "error"]
    assert (await get(site.http, "/workflow/status"))["queued"] == 0


async def test_behind_other_prompts_a_queue_is_answered_at_once(site: Site, holders: Holders) -> None:
    holder = await holders.opened()
    queueing = await queue(site)
    await holder.sent()
    await queueing

    status, body = await post(site.http, "/workflow/queue", iterations=2)

    assert status == 200
    assert await statuses(site, body["details"]["prompt_ids"]) == ["queued", "queued"]


async def test_a_queue_repeated_with_its_key_gives_the_first_answer(site: Site, holders: Holders) -> None:
    holder = await holders.opened()
    headers = {"Idempotency-Key": "k"}
    queueing = asyncio.create_task(site.http.post("/workflow/queue", json={"iterations": 2}, headers=headers))
    await holder.sent()
    first = await queueing
    await post(site.http, "/session/stop", cancel_prompts=True)

    again = await site.http.post("/workflow/queue", json={"iterations": 2}, headers=headers)
    other = await site.http.post("/workflow/queue", json={"iterations": 3}, headers=headers)

    assert (again.status_code, again.json()) == (200, first.json())
    assert other.status_code == 409
    assert len((await get(site.http, "/workflow/prompts"))["prompts"]) == 2


async def test_a_refused_graph_is_refused_again_under_the_same_key(site: Site, holders: Holders) -> None:
    holder = await holders.opened()
    headers = {"Idempotency-Key": "k"}
    queueing = asyncio.create_task(site.http.post("/workflow/queue", json={}, headers=headers))
    await (await holder.take()).fail("GraphRefused", "no")
    first = await queueing

    again = await site.http.post("/workflow/queue", json={}, headers=headers)

    assert [(one.status_code, one.json()["detail"]) for one in (first, again)] == [(400, "no"), (400, "no")]
