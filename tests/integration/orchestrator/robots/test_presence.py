"""Who is there: signs of life, what is computed from them, and what the activity feed tells of it."""

from pathlib import Path

import pytest

from server.clock import SECOND
from switchyard.orchestrator.v1.robot_pb2 import Robot
from tests.integration.orchestrator.robots.conftest import SECRET
from tests.integration.orchestrator.robots.fleet import Fleet, board_of
from tests.integration.orchestrator.serving import serving


@pytest.fixture(params=["sqlite", "postgresql"])
async def still(request: pytest.FixtureRequest, tmp_path: Path):  # type: ignore[no-untyped-def]
    """A fleet whose server does nothing by itself, with a clock that stands."""
    async with serving(tmp_path / "data", dialect=request.param, background=False, JWT_SECRET_KEY=SECRET) as site:
        site.clock.stopped_at = 1_700_000_000 * SECOND
        fleet = Fleet(site)
        await fleet.store_workflow()
        yield fleet


async def look(fleet: Fleet, *, seconds: float = 0) -> None:
    """Let the server look every second for so long."""
    for _ in range(round(seconds)):
        fleet.site.clock.ahead += SECOND
        await board_of(fleet.site).look()
    await board_of(fleet.site).look()


async def test_a_sign_of_life_and_its_figures_are_stored_within_a_second(still: Fleet) -> None:
    await still.register()
    still.site.clock.ahead += 5 * SECOND
    await still.beat(cpu_percent=45.2, memory_mb=1024.5, memory_percent=65.3)

    await look(still)

    robot = (await still.statuses())["r1"]
    assert robot.last_heartbeat == still.site.clock()
    assert (robot.cpu_percent, robot.memory_mb, robot.memory_percent) == (45.2, 1024.5, 65.3)
    assert robot.status == Robot.STATUS_IDLE


async def test_a_sign_of_life_without_figures_leaves_those_before(still: Fleet) -> None:
    await still.register()
    await still.beat(cpu_percent=45.2)
    await look(still)
    await still.beat(memory_mb=7)
    await still.claim()

    await look(still)

    robot = (await still.statuses())["r1"]
    assert (robot.cpu_percent, robot.memory_mb) == (45.2, 7)


async def test_a_robot_is_busy_while_it_holds_a_job(still: Fleet) -> None:
    await still.register(max_jobs=2)
    jobs = [await still.queue() for _ in range(2)]
    got = [await still.claimed() for _ in jobs]
    busy = (await still.statuses())["r1"]
    for job in got:
        await still.complete(job)
    idle = (await still.statuses())["r1"]

    assert (busy.status, busy.current_job_id, busy.job_count) == (Robot.STATUS_BUSY, jobs[0].id, 2)
    assert (idle.status, idle.current_job_id, idle.job_count) == (Robot.STATUS_IDLE, None, 0)


async def test_a_robot_that_is_silent_for_a_minute_is_offline(still: Fleet) -> None:
    await still.register()
    still.site.clock.ahead += 59 * SECOND
    before = (await still.statuses())["r1"].status
    still.site.clock.ahead += SECOND

    assert (before, (await still.statuses())["r1"].status) == (Robot.STATUS_IDLE, Robot.STATUS_OFFLINE)


async def test_every_report_is_a_sign_of_life(still: Fleet) -> None:
    await still.register()
    await still.queue()
    job = await still.claimed()
    still.site.clock.ahead += 20 * SECOND

    await still.complete(job)
    await look(still)

    assert (await still.statuses())["r1"].last_heartbeat == still.site.clock()


async def test_coming_and_going_are_told_once_each(still: Fleet) -> None:
    await look(still)
    await still.register()
    await still.register()
    await look(still, seconds=59)
    there = await still.told()
    await look(still, seconds=61)
    gone = await still.told()
    await still.beat()
    await look(still, seconds=3)

    assert there == [("r1", "online")]
    assert gone == [("r1", "online"), ("r1", "offline")]
    assert await still.told() == [*gone, ("r1", "online")]


async def test_a_robot_that_says_that_it_stops_is_offline_at_once(still: Fleet) -> None:
    await still.register()
    await still.beat(stopping=True)

    await look(still)
    stopped = (await still.statuses())["r1"].status
    await still.beat()
    await look(still)

    assert (stopped, (await still.statuses())["r1"].status) == (Robot.STATUS_OFFLINE, Robot.STATUS_IDLE)
    assert await still.told() == [("r1", "online"), ("r1", "offline"), ("r1", "online")]


async def test_robots_are_not_gone_because_the_server_was(tmp_path: Path) -> None:
    async with serving(tmp_path / "data", background=False) as site:
        site.clock.ahead = 0
        fleet = Fleet(site)
        await fleet.register("lives")
        await fleet.register("dies")
    async with serving(tmp_path / "data", background=False) as site:
        fleet = Fleet(site)
        site.clock.ahead = 600 * SECOND
        await look(fleet, seconds=5)
        await fleet.beat("lives")
        await look(fleet, seconds=50)
        at_first = await fleet.told()
        await fleet.beat("lives")
        await look(fleet, seconds=10)

        assert at_first == [("lives", "online"), ("dies", "online")]
        assert await fleet.told() == [*at_first, ("dies", "offline")]


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
async def test_two_servers_tell_once_and_hear_of_one_another(tmp_path: Path, dialect: str) -> None:
    secrets = {"JWT_SECRET_KEY": SECRET, "API_KEY": "an-api-key"}
    async with serving(tmp_path / "data", dialect=dialect, background=False, **secrets) as site:
        url = site.config.database_url
        async with serving(tmp_path / "other", url=url, background=False, **secrets) as other_site:
            fleet, other = Fleet(site), Fleet(other_site)
            await fleet.register()
            await other.beat()
            await fleet.drain()
            await look(other)
            drained = await other.beat()
            for second in range(70):
                for one in (fleet, other):
                    one.site.clock.ahead = second * SECOND
                    await look(one)

            assert drained.draining
            assert await other.told() == [("r1", "online"), ("r1", "offline")]
            await fleet.delete()
            await look(other)
            assert (await other.site.http.post("/api/v1/robots/r1/heartbeat", json={})).status_code == 404


async def test_what_was_heard_is_kept_when_the_database_is_away(still: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    await still.register()
    still.site.clock.ahead += SECOND
    await still.beat(cpu_percent=1)

    async def away(*_: object) -> None:
        raise OSError("away")

    with monkeypatch.context() as patch:
        patch.setattr(type(still.site.database), "write", away)
        with pytest.raises(OSError, match="away"):
            await look(still)
    await still.beat(memory_mb=2)
    await look(still)

    robot = (await still.statuses())["r1"]
    assert (robot.cpu_percent, robot.memory_mb) == (1, 2)


async def test_leases_of_the_jobs_a_heartbeat_names_are_renewed(fleet: Fleet) -> None:
    await fleet.register(max_jobs=3)
    for _ in range(3):
        await fleet.queue()
    named, silent, cancelled = [await fleet.claimed() for _ in range(3)]
    await fleet.site.kernel.cancel(cancelled.job_id, "enough")
    before = {job.job_id: (await fleet.site.kernel.get(job.job_id)).lease_expire_time for job in (named, silent)}
    fleet.site.clock.ahead += 7 * SECOND
    stale = type(named)(job_id=silent.job_id, fencing_token=9)

    answer = await fleet.beat("r1", named, cancelled, stale)

    after = {job.job_id: (await fleet.site.kernel.get(job.job_id)).lease_expire_time for job in (named, silent)}
    assert (list(answer.cancel_job_ids), list(answer.lost_job_ids)) == ([cancelled.job_id], [silent.job_id])
    assert after[silent.job_id] == before[silent.job_id]
    assert (after[named.job_id] or 0) - (before[named.job_id] or 0) >= 7 * SECOND


async def test_a_robot_cannot_renew_the_lease_of_another(fleet: Fleet) -> None:
    await fleet.register("r1")
    await fleet.register("r2")
    await fleet.queue()
    job = await fleet.claimed("r1")

    answer = await fleet.beat("r2", job)

    assert list(answer.lost_job_ids) == [job.job_id]
