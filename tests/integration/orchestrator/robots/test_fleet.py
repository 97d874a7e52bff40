"""The fleet in the hands of whoever runs it, and what becomes of the jobs of robots that begin anew or are removed."""

import grpc

from server.clock import SECOND
from server.orchestrator.robots.lifecycle import GIVEN_BACK_CLAIMS
from server.orchestrator.robots.removal import Removal
from switchyard.orchestrator.v1 import fleet_service_pb2 as pb
from switchyard.tasks.v1.task_pb2 import Task
from tests.integration.orchestrator.robots.fleet import Fleet, board_of
from tests.integration.orchestrator.serving import refused


async def test_a_robot_that_begins_anew_gives_back_what_it_does_not_name(fleet: Fleet) -> None:
    await fleet.register(max_jobs=2)
    await fleet.register("r2")
    for _ in range(2):
        await fleet.queue()
    kept, lost = [await fleet.claimed() for _ in range(2)]

    await fleet.register(max_jobs=2, job_ids=[kept.job_id])

    again = await fleet.claimed("r2")
    assert (again.job_id, again.attempt) == (lost.job_id, 1)
    assert not (await fleet.beat("r1", kept)).lost_job_ids
    assert list((await fleet.beat("r1", lost)).lost_job_ids) == [lost.job_id]


async def test_a_job_that_ends_its_robot_again_and_again_is_not_given_back_for_ever(fleet: Fleet) -> None:
    await fleet.register()
    job = await fleet.queue()
    attempts = []
    for _ in range(GIVEN_BACK_CLAIMS):
        attempts.append((await fleet.claimed()).attempt)
        await fleet.register()

    row = await fleet.site.kernel.get(job.id)
    assert set(attempts) == {1}
    assert (row.state, row.attempt, row.error_type) == (Task.STATE_QUEUED, 2, "WorkerLost")


async def test_a_worker_that_registers_again_keeps_what_it_holds(fleet: Fleet) -> None:
    await fleet.register("worker-1", metadata=fleet.site.worker)
    await fleet.queue()
    lease = await fleet.site.claim("worker-1")

    await fleet.register("worker-1", metadata=fleet.site.worker)

    assert (await fleet.site.kernel.get(lease.task_id)).state == Task.STATE_RUNNING


async def test_robots_are_listed_by_id_page_by_page(fleet: Fleet) -> None:
    for robot_id in ("b", "c", "a"):
        await fleet.register(robot_id)
    first = await fleet.fleet.ListRobots(pb.ListRobotsRequest(page_size=2), metadata=fleet.site.admin)
    second = await fleet.fleet.ListRobots(
        pb.ListRobotsRequest(page_size=2, page_token=first.next_page_token), metadata=fleet.site.admin
    )

    assert [robot.robot_id for robot in first.robots] == ["a", "b"]
    assert ([robot.robot_id for robot in second.robots], second.next_page_token) == (["c"], "")


async def test_a_page_token_that_was_never_given_is_refused(fleet: Fleet) -> None:
    for token in ("é", "$$$", "_w"):
        answer = await fleet.site.http.get("/api/v1/robots", params={"page_token": token})

        assert answer.status_code == 400, token


async def test_a_removed_robot_is_gone_and_its_jobs_are_tried_again(fleet: Fleet) -> None:
    await fleet.register()
    job = await fleet.queue()
    held = await fleet.claimed()

    await fleet.delete()

    row = await fleet.site.kernel.get(job.id)
    code, _ = await refused(fleet.beat("r1", held))
    assert (row.state, row.attempt, row.error_type) == (Task.STATE_QUEUED, 2, "WorkerLost")
    assert code == grpc.StatusCode.NOT_FOUND
    assert await fleet.statuses() == {}
    assert await fleet.told() == [("r1", "online"), ("r1", "offline")]


async def test_a_robot_that_comes_back_after_its_removal_begins_anew(fleet: Fleet) -> None:
    await fleet.register()
    await fleet.drain()
    await fleet.delete()

    answer = await fleet.register()

    assert not answer.draining
    assert list(await fleet.statuses()) == ["r1"]


async def test_a_drained_robot_stays_drained_when_it_registers_again(fleet: Fleet) -> None:
    await fleet.register()
    await fleet.drain()

    assert (await fleet.register()).draining


async def test_robots_of_other_tenants_are_not_there(fleet: Fleet) -> None:
    acme = tuple((await fleet.site.bearer("admin", tenant="acme")).items())
    other = tuple((await fleet.site.bearer("admin", tenant="other")).items())
    await fleet.register("theirs", metadata=acme)
    await fleet.register("anybodys")
    listed = await fleet.fleet.ListRobots(pb.ListRobotsRequest(), metadata=other)
    drain = fleet.fleet.DrainRobot(pb.DrainRobotRequest(robot_id="theirs"), metadata=other)

    assert [robot.robot_id for robot in listed.robots] == []
    assert (await refused(drain))[0] == grpc.StatusCode.NOT_FOUND
    assert (await refused(fleet.delete("anybodys", metadata=other)))[0] == grpc.StatusCode.NOT_FOUND
    assert (await refused(fleet.register("theirs", metadata=other)))[0] == grpc.StatusCode.PERMISSION_DENIED
    assert set(await fleet.statuses()) == {"theirs", "anybodys"}


async def test_workers_that_are_gone_for_an_hour_are_forgotten_and_other_robots_are_not(fleet: Fleet) -> None:
    await fleet.register("worker-1", metadata=fleet.site.worker)
    await fleet.register("robot-1")
    fleet.site.clock.ahead += 3_601 * SECOND

    await Removal(fleet.site.database, fleet.site.kernel, board_of(fleet.site)).clean()

    assert list(await fleet.statuses()) == ["robot-1"]
