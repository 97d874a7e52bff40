"""What sessions leave goes in time; what is over by itself ends."""

import asyncio

import sqlalchemy as sa

from server.comfy.endings import Endings
from server.comfy.housekeeping import Housekeeping
from server.comfy.new_task import KINDS
from server.comfy.tables import COMFY_GRAPHS, COMFY_PROMPTS, COMFY_SESSIONS
from server.tasks.retention import DAY_MICROS
from tests.integration.comfy.holder import Holders, get, post, start_body
from tests.integration.orchestrator.serving import Site


def rows(connection: sa.Connection) -> list[int]:
    tables = (COMFY_SESSIONS, COMFY_GRAPHS, COMFY_PROMPTS)
    return [connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() for table in tables]


async def test_graphs_and_prompts_of_ended_sessions_go_after_the_days(site: Site, holders: Holders) -> None:
    for name in ("ended", "alive"):
        holder = await holders.opened(session=name)
        queueing = asyncio.create_task(post(site.http, "/workflow/queue", session=name))
        sent = await holder.sent()
        await queueing
        await sent.succeed()
    await post(site.http, "/session/stop", session="ended")
    housekeeping = Housekeeping(site.database, site.clock, retention_days=30)
    await housekeeping.clear()
    before = await site.database.read(rows)

    late = Housekeeping(site.database, lambda: site.clock() + 31 * DAY_MICROS, retention_days=30)
    await late.clear()

    assert (before, await site.database.read(rows)) == ([2, 2, 2], [1, 1, 1])
    assert [one["session"] for one in (await get(site.http, "/workflow/prompts"))["prompts"]] == ["alive"]
    assert (await get(site.http, "/session/status", session="ended"))["state"] is None


async def test_a_session_that_nobody_waits_for_any_more_does_not_stay(site: Site) -> None:
    """As when the server that was asked has died."""
    starting = asyncio.create_task(post(site.http, "/session/start", **start_body()))
    while not (await get(site.http, "/session/list", active=True))["sessions"]:
        await asyncio.sleep(0.01)

    site.clock.ahead += 600 * 1_000_000
    await Endings(site.database, site.kernel, idle_minutes=30, wait_seconds=1).tick()

    assert (await starting)[0] in (400, 503)
    assert (await get(site.http, "/session/list", active=True))["sessions"] == []


async def test_without_a_limit_no_session_is_idle(site: Site, holders: Holders) -> None:
    await holders.start()

    site.clock.ahead += 25 * 60 * 1_000_000
    await Endings(site.database, site.kernel, idle_minutes=0, wait_seconds=1).tick()

    assert (await get(site.http, "/session/status"))["active"] is True


def test_logs_and_files_of_both_kinds_go_as_those_of_others() -> None:
    assert KINDS == ("comfy_session", "comfy_prompt")
