"""The server adds ended jobs to the sums by itself, and no figure changes by it."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from server.orchestrator.metrics import activity_store, job_sums
from server.orchestrator.metrics.activity_store import Filters
from server.orchestrator.metrics.housekeeping import Housekeeping
from server.orchestrator.tables import ACTIVITY, JOB_DURATIONS
from server.tasks.tables import TASKS
from tests.integration.orchestrator.serving import Site


async def summed(site: Site) -> int:
    query = sa.select(sa.func.count()).select_from(TASKS).where(TASKS.c.summed == 1)
    count: int = await site.database.scan(lambda connection: connection.execute(query).scalar_one())
    return count


async def test_ended_jobs_are_added_by_themselves_and_no_figure_changes(site: Site) -> None:
    for _ in range(3):
        await site.queue_job()
        await site.complete(await site.claim())
    before = (await site.http.get("/api/v1/metrics/analytics")).json()

    while await summed(site) < 3:
        await asyncio.sleep(0.05)

    assert (await site.http.get("/api/v1/metrics/analytics")).json() == before


async def test_two_servers_add_each_job_once(site: Site) -> None:
    for _ in range(12):
        await site.queue_job()
        await site.complete(await site.claim())

    servers = [Housekeeping(site.database, site.clock, fold_limit=2) for _ in range(3)]
    await asyncio.gather(*(server.fold() for server in servers))

    total = sa.select(sa.func.sum(JOB_DURATIONS.c.jobs)).where(JOB_DURATIONS.c.span == job_sums.DAY)
    assert await site.database.scan(lambda connection: connection.execute(total).scalar_one()) == 12


async def test_hours_are_forgotten_once_no_window_begins_in_them(site: Site) -> None:
    await site.queue_job()
    await site.complete(await site.claim())
    housekeeping = Housekeeping(site.database, site.clock)
    await housekeeping.fold()
    site.clock.ahead += (job_sums.KEPT_HOURS + 2) * job_sums.HOUR * 1_000_000

    await housekeeping.clear()

    spans = sa.select(JOB_DURATIONS.c.span).order_by(JOB_DURATIONS.c.span)
    assert await site.database.scan(lambda c: c.execute(spans).scalars().all()) == [job_sums.DAY, job_sums.WEEK]


async def test_only_the_newest_events_are_kept(site: Site) -> None:
    event = {"type": 1, "time": 1, "tenant": "", "title": "", "details": ""}
    rows = [event] * (activity_store.KEPT + activity_store.TRIM_LIMIT + 5)
    await site.database.write(lambda connection: connection.execute(sa.insert(ACTIVITY), rows))
    assert await site.database.scan(lambda c: activity_store.count(c, Filters())) == activity_store.KEPT

    await Housekeeping(site.database, site.clock).clear()

    count = sa.select(sa.func.count()).select_from(ACTIVITY)
    assert await site.database.scan(lambda c: c.execute(count).scalar_one()) == activity_store.KEPT


async def check(site: Site) -> Any:
    return (await site.http.get("/api/v1/metrics/check")).json()


async def ended_jobs(site: Site) -> None:
    for tenant in ("", "acme"):
        await site.queue_job(tenant=tenant)
        await site.complete(await site.claim())
        await site.queue_job(tenant=tenant)
        await site.fail(await site.claim())
    await site.queue_job()
    await Housekeeping(site.database, site.clock).fold()


async def test_sums_are_what_their_jobs_amount_to(site: Site) -> None:
    await ended_jobs(site)

    found = await check(site)

    assert (found["ok"], found["differences"]) == (True, [])
    assert found["compared"] > 10


@pytest.mark.parametrize(
    "table",
    [
        "job_sums",
        "job_workflows",
        "job_robots",
        "job_errors",
        "job_durations",
        "job_duration_ranges",
        "task_counts",
        "task_days",
    ],
)
async def test_a_sum_that_is_wrong_is_found(site: Site, table: str) -> None:
    await ended_jobs(site)

    await site.database.write(lambda connection: connection.execute(sa.text(f"DELETE FROM {table}")))

    assert not (await check(site))["ok"]
