"""Jobs, robots and the queue as they change: over gRPC, and as shared messages."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from server.orchestrator.live.hub import Hub
from server.tasks.lifecycle import Progress, Succeeded
from switchyard.orchestrator.v1 import live_service_pb2 as pb
from switchyard.orchestrator.v1 import robot_pb2
from switchyard.orchestrator.v1.job_pb2 import Job
from switchyard.orchestrator.v1.robot_service_pb2 import HeartbeatRequest, RegisterRobotRequest
from tests.integration.orchestrator.serving import Site, refused

PENDING, CLAIMED, COMPLETED = Job.STATUS_PENDING, Job.STATUS_CLAIMED, Job.STATUS_COMPLETED


async def take(stream: AsyncIterator[Any], count: int) -> list[Any]:
    async with asyncio.timeout(30):
        return [await anext(stream) for _ in range(count)]


async def watching(site: Site, **filters: str) -> Any:
    """Return a stream of jobs that misses nothing from now on."""
    call = site.stub("orchestrator.LiveService").WatchJobs(pb.WatchJobsRequest(**filters), metadata=site.admin)
    await call.initial_metadata()
    return aiter(call)


async def test_every_change_of_a_jobs_status_is_told_once_and_in_order(site: Site) -> None:
    stream = await watching(site)

    job = await site.queue_job()
    lease = await site.claim()
    await site.fail(lease, retryable=True)
    site.clock.ahead += 10_000_000
    await site.complete(await site.claim())

    told = await take(stream, 5)
    assert [one.status for one in told] == [PENDING, CLAIMED, PENDING, CLAIMED, COMPLETED]
    assert {one.job_id for one in told} == {job.id}


async def test_progress_is_no_change_of_status(site: Site) -> None:
    stream = await watching(site)

    await site.queue_job()
    lease = await site.claim()
    await site.kernel.report_progress(lease.task_id, lease.fencing_token, Progress(0.5, "half"))
    await site.kernel.cancel(lease.task_id, "")  # asked to stop: claimed all the same
    await site.complete(lease)

    assert [one.status for one in await take(stream, 3)] == [PENDING, CLAIMED, COMPLETED]


@pytest.mark.parametrize("by", ["job_id", "workflow_id"])
async def test_one_job_or_one_workflow_can_be_watched(site: Site, by: str) -> None:
    first = await site.queue_job("w1")
    stream = await watching(site, **{by: first.id if by == "job_id" else "w1"})

    await site.queue_job("w2")
    await site.complete(await site.claim())

    assert {one.job_id for one in await take(stream, 2)} == {first.id}


async def test_a_tenant_hears_of_its_own_jobs_only(site: Site) -> None:
    metadata = tuple((await site.bearer("viewer", tenant="acme")).items())
    call = site.stub("orchestrator.LiveService").WatchJobs(pb.WatchJobsRequest(), metadata=metadata)
    await call.initial_metadata()

    await site.queue_job(tenant="globex")
    own = await site.queue_job(tenant="acme")

    assert [one.job_id for one in await take(aiter(call), 1)] == [own.id]


async def test_a_row_that_is_told_late_is_left_out(site: Site) -> None:
    job = await site.queue_job()
    lease = await site.claim()
    claimed = await site.kernel.get(job.id)
    done = await site.kernel.finish(lease.task_id, lease.fencing_token, Succeeded())
    hub = Hub(site.database, site.clock)
    stream = hub.follow_jobs(hub.next_job, tenant=None)

    for row in (job, done, claimed, job, done):
        hub.job_changed(row)

    assert [one.status for one in await take(stream, 2)] == [PENDING, COMPLETED]
    assert hub.next_job == 3
    await stream.aclose()


async def test_all_readers_get_the_same_message(site: Site) -> None:
    hub = Hub(site.database, site.clock)
    streams = [hub.follow_jobs(hub.next_job, tenant=None) for _ in range(3)]

    hub.job_changed(await site.queue_job())

    messages = [(await take(stream, 1))[0] for stream in streams]
    assert all(message is messages[0] for message in messages)
    for stream in streams:
        await stream.aclose()


async def test_a_reader_that_is_too_slow_is_let_go_with_a_reason(site: Site) -> None:
    hub = Hub(site.database, site.clock, kept_messages=2)
    slow = hub.follow_jobs(hub.next_job, tenant=None)
    for _ in range(3):
        hub.job_changed(await site.queue_job())

    with pytest.raises(Exception, match="slower than things happen"):
        await take(slow, 1)


async def test_a_robot_is_shown_at_once_then_with_each_heartbeat(site: Site) -> None:
    robots, live = site.stub("orchestrator.RobotService"), site.stub("orchestrator.LiveService")
    await robots.RegisterRobot(RegisterRobotRequest(robot_id="robot-001"), metadata=site.admin)
    stream = aiter(live.WatchRobots(pb.WatchRobotsRequest(), metadata=site.admin))
    first = (await take(stream, 1))[0]

    site.clock.ahead += 5_000_000
    await robots.Heartbeat(HeartbeatRequest(robot_id="robot-001", cpu_percent=45.2), metadata=site.admin)

    second = (await take(stream, 1))[0]
    assert (first.robot_id, first.status) == ("robot-001", robot_pb2.Robot.STATUS_IDLE)
    assert (second.cpu_percent, second.timestamp.ToMicroseconds() > first.timestamp.ToMicroseconds()) == (45.2, True)


async def test_a_robot_that_falls_silent_is_told_as_offline(site: Site) -> None:
    robots = site.stub("orchestrator.RobotService")
    await robots.RegisterRobot(RegisterRobotRequest(robot_id="robot-001"), metadata=site.admin)
    hub = Hub(site.database, site.clock)
    await hub.look_at_robots()
    stream = hub.follow_robots(hub.next_robot, tenant=None)

    site.clock.ahead += 61_000_000
    await hub.look_at_robots()

    assert (await take(stream, 1))[0].status == robot_pb2.Robot.STATUS_OFFLINE
    await stream.aclose()


async def test_the_depth_of_the_queue_is_told_at_once_and_again_and_again(site: Site) -> None:
    hub = Hub(site.database, site.clock, queue_period_seconds=0.01)
    running = asyncio.create_task(hub.run())
    stream = hub.follow_depth(tenant=None)
    first = (await take(stream, 1))[0]
    await site.queue_job()

    async with asyncio.timeout(30):
        async for told in stream:
            if told.depth == 1:
                break

    running.cancel()
    await stream.aclose()
    assert first.depth == 0


async def test_nobody_watches_without_a_credential_from_elsewhere(site: Site) -> None:
    call = site.stub("orchestrator.LiveService").WatchQueue(pb.WatchQueueRequest(), metadata=(("x-api-key", "wrong"),))

    assert (await refused(take(aiter(call), 1)))[0] is grpc.StatusCode.UNAUTHENTICATED
