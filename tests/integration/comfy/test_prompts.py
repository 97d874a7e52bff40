"""Prompts and their results, as they are listed, read and downloaded."""

import asyncio
from typing import Any

from switchyard.comfy.v1.comfy_worker_service_pb2 import SendPromptResult
from switchyard.comfy.v1.prompt_pb2 import PromptResult
from tests.integration.comfy.holder import Holders, get, post, queue
from tests.integration.orchestrator.serving import Site


async def test_prompts_are_listed_newest_first_by_session_and_status(site: Site, holders: Holders) -> None:
    for session in ("a", "b"):
        holder = await holders.opened(session=session)
        queueing = await queue(site, session=session, iterations=2)
        sent = await holder.sent()
        await queueing
        await sent.fail("Lost" if session == "a" else "NodeFailed")
        await post(site.http, "/session/stop", session=session, cancel_prompts=True)

    async def listed(**query: Any) -> list[tuple[str, str]]:
        found = (await get(site.http, "/workflow/prompts", **query))["prompts"]
        return [(one["session"], one["status"]) for one in found]

    assert await listed() == [("b", "cancelled"), ("b", "error"), ("a", "cancelled"), ("a", "lost")]
    assert await listed(session="a") == [("a", "cancelled"), ("a", "lost")]
    assert await listed(status="lost") == [("a", "lost")]
    assert await listed(status="error") == [("b", "error")]
    assert await listed(status="cancelled") == [("b", "cancelled"), ("a", "cancelled")]
    page = await get(site.http, "/workflow/prompts", page_size=3)
    rest = await get(site.http, "/workflow/prompts", page_token=page["next_page_token"])
    assert (len(page["prompts"]), len(rest["prompts"]), rest["next_page_token"]) == (3, 1, "")
    for query in ({"status": "lucky"}, {"page_token": "x"}, {"page_size": -1}):
        assert (await site.http.get("/workflow/prompts", params=query)).status_code == 400


async def test_results_are_listed_and_downloaded_after_the_session_is_over(site: Site, holders: Holders) -> None:
    holder = await holders.opened()
    queueing = await queue(site)
    sent = await holder.sent()
    await queueing
    await sent.upload("b 1.png", b"first")
    await sent.upload("a.png", b"second")
    told = [
        PromptResult(name="b 1.png", node_id="9", kind="images", filename="b 1.png", subfolder="s", type="output"),
        PromptResult(name="a.png", node_id="10", kind="gifs", filename="a.png", type="temp"),
        PromptResult(name="never-stored.png", node_id="11"),
    ]
    await sent.succeed(SendPromptResult(results=told))
    await post(site.http, "/session/stop")

    found = await get(site.http, f"/workflow/results/{sent.id}")

    assert (found["prompt_id"], found["status"]) == (sent.id, "success")
    assert [one["name"] for one in found["results"]] == ["b 1.png", "a.png"]
    shown = found["results"][0]
    assert (shown["node_id"], shown["kind"], shown["subfolder"], shown["type"]) == ("9", "images", "s", "output")
    assert (shown["content_type"], shown["size_bytes"], len(shown["sha256"])) == ("image/png", 5, 64)
    assert (await site.http.get(shown["url"])).content == b"first"
    assert (await site.http.get(f"/workflow/results/{sent.id}/never-stored.png")).status_code == 404
    assert (await get(site.http, f"/workflow/prompts/{sent.id}"))["result_count"] == 2


async def test_tenants_never_meet_prompts_of_others(site: Site, holders: Holders) -> None:
    async with site.client("operator", tenant="acme") as acme, site.client("operator", tenant="other") as other:
        holder = await holders.opened(acme)
        queueing = asyncio.create_task(post(acme, "/workflow/queue"))
        sent = await holder.sent()
        await queueing
        await sent.upload("a.png", b"x")

        paths = (f"prompts/{sent.id}", f"results/{sent.id}", f"results/{sent.id}/a.png", f"prompts/{sent.id}/events")
        refused = [(await other.get(f"/workflow/{path}")).status_code for path in paths]
        cancelled = await post(other, f"/workflow/prompts/{sent.id}/cancel")
        listed = await get(other, "/workflow/prompts")

        assert (refused, cancelled[0], listed["prompts"]) == ([404] * 4, 404, [])
        assert (await get(other, "/workflow/status"))["running"] == 0
        assert (await other.get("/workflow/events")).status_code == 400
        assert [one["prompt_id"] for one in (await get(acme, "/workflow/prompts"))["prompts"]] == [sent.id]
        assert (await acme.get(f"/workflow/results/{sent.id}/a.png")).content == b"x"
