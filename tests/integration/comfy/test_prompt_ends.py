"""How prompts end: by a cancel, with their session, with their worker."""

import asyncio

from tests.integration.comfy.holder import Holders, get, have, is_over, post, queue, statuses, until
from tests.integration.orchestrator.serving import Site


async def test_a_cancel_of_one_prompt_touches_no_other(site: Site, holders: Holders) -> None:
    holder = await holders.opened()
    queueing = await queue(site, iterations=3)
    first = await holder.sent()
    ids = (await queueing)[1]["details"]["prompt_ids"]

    waiting = await post(site.http, f"/workflow/prompts/{ids[1]}/cancel")
    running = await post(site.http, f"/workflow/prompts/{ids[0]}/cancel", reason="enough")

    assert (waiting[1]["prompt"]["status"], running[1]["prompt"]["status"]) == ("cancelled", "running")
    assert await statuses(site, ids) == ["running", "cancelled", "queued"]
    assert await holder.claim() is None
    await first.end_cancelled()
    assert (await holder.take()).id == ids[2]
    assert await statuses(site, ids) == ["cancelled", "cancelled", "running"]


async def test_a_prompt_that_has_ended_cannot_be_cancelled(site: Site, holders: Holders) -> None:
    holder = await holders.opened()
    queueing = await queue(site)
    sent = await holder.sent()
    await queueing
    await sent.succeed()

    status, _ = await post(site.http, f"/workflow/prompts/{sent.id}/cancel")

    assert status == 409
    assert await statuses(site, [sent.id]) == ["success"]


async def test_a_session_that_is_stopped_finishes_its_prompts_first(site: Site, holders: Holders) -> None:
    holder = await holders.opened()
    queueing = await queue(site, iterations=2)
    sent = await holder.sent()
    ids = (await queueing)[1]["details"]["prompt_ids"]

    stopped = await post(site.http, "/session/stop")

    assert stopped == (
        200,
        {"success": True, "message": "Session stopped; 2 prompts are finished first", "details": None},
    )
    status = await get(site.http, "/session/status")
    assert (status["active"], status["state"], status["prompts_active"]) == (False, "stopping", 2)
    assert (await post(site.http, "/workflow/queue"))[0] == (await post(site.http, "/session/stop"))[0] == 400
    await sent.succeed()
    await (await holder.take()).succeed()
    await until(lambda: is_over(site))
    assert await statuses(site, ids) == ["success", "success"]


async def test_the_name_of_a_session_that_finishes_is_free(site: Site, holders: Holders) -> None:
    finishing = await holders.opened()
    queueing = await queue(site)
    sent = await finishing.sent()
    await queueing
    await post(site.http, "/session/stop")

    started = await holders.start()
    await sent.succeed()

    await until(lambda: have(site, [sent.id], ["success"]))
    status = await get(site.http, "/session/status")
    assert (status["active"], started.session_id != finishing.session_id) == (True, True)


async def test_a_session_that_finishes_can_be_told_to_end_at_once(site: Site, holders: Holders) -> None:
    holder = await holders.opened(obedient=False)
    queueing = await queue(site, iterations=2)
    sent = await holder.sent()
    ids = (await queueing)[1]["details"]["prompt_ids"]
    await post(site.http, "/session/stop")

    stopping = asyncio.create_task(post(site.http, "/session/stop", cancel_prompts=True))
    await until(lambda: have(site, ids, ["running", "cancelled"]))
    await sent.end_cancelled()
    await holder.end()

    assert (await stopping)[0] == 200
    assert await statuses(site, ids) == ["cancelled"] * 2


async def test_a_stop_cancels_the_prompts_of_the_session_if_it_is_told_to(site: Site, holders: Holders) -> None:
    holder = await holders.opened(obedient=False)
    queueing = await queue(site, iterations=3)
    sent = await holder.sent()
    ids = (await queueing)[1]["details"]["prompt_ids"]
    stopping = asyncio.create_task(post(site.http, "/session/stop", cancel_prompts=True))
    await until(lambda: have(site, ids, ["running", "cancelled", "cancelled"]))

    await sent.end_cancelled()
    await holder.end()

    assert (await stopping)[0] == 200
    assert await statuses(site, ids) == ["cancelled"] * 3


async def test_prompts_of_a_session_that_breaks_off_are_lost(site: Site, holders: Holders) -> None:
    holder = await holders.opened()
    queueing = await queue(site, iterations=3)
    sent = await holder.sent()
    ids = (await queueing)[1]["details"]["prompt_ids"]

    await sent.fail("Lost", "ComfyUI forgot it")
    await holder.fail("BrowserCrashed")

    assert await statuses(site, ids) == ["lost"] * 3
    counts = await get(site.http, "/workflow/status")
    assert (counts["active"], counts["lost"], counts["queued"]) == (False, 3, 0)


async def test_prompts_of_a_worker_that_dies_are_lost(site: Site, holders: Holders) -> None:
    holder = await holders.opened()
    queueing = await queue(site, iterations=2)
    await holder.sent()
    ids = (await queueing)[1]["details"]["prompt_ids"]

    site.clock.ahead += 31_000_000
    await site.kernel.expire_leases()

    await until(lambda: have(site, ids, ["lost", "lost"]))


async def test_a_prompt_given_back_after_its_session_is_over_does_not_wait_for_ever(
    site: Site, holders: Holders
) -> None:
    holder = await holders.opened()
    queueing = await queue(site)
    sent = await holder.sent()
    await queueing
    await holder.fail("BrowserCrashed")

    await site.kernel.release(sent.claimed.lease.task_id, sent.claimed.lease.fencing_token)

    await until(lambda: have(site, [sent.id], ["lost"]))
