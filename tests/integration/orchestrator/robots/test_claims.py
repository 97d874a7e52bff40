"""Who gets which job, and when."""

import asyncio
import json
import threading
from collections.abc import Sequence
from pathlib import Path

import grpc
import pytest

from server.clock import SECOND
from switchyard.orchestrator.v1 import robot_service_pb2 as pb
from switchyard.orchestrator.v1 import workflow_pb2
from switchyard.orchestrator.v1.robot_pb2 import Assignment
from switchyard.tasks.v1 import worker_service_pb2 as worker_pb
from switchyard.tasks.v1.task_pb2 import Task
from tests.integration.orchestrator.robots.fleet import Fleet, claims_of, ids, until
from tests.integration.orchestrator.serving import INTERNET, LAN, refused, serving


async def test_an_assignment_says_all_that_is_to_be_done(fleet: Fleet) -> None:
    await fleet.register()
    job = await fleet.queue(variables='{"a":1}', priority=3, timeout_seconds=60)

    got = await fleet.claimed()

    assert (got.job_id, got.workflow_id, got.workflow_name) == (job.id, fleet.workflow_id, "Daily Report")
    assert (got.workflow_version, got.attempt, got.priority, got.timeout_seconds) == (1, 1, 3, 60)
    assert (json.loads(got.workflow_json)["nodes"][0]["id"], got.graph.nodes[0].id) == ("start", "start")
    assert (json.loads(got.variables), got.fencing_token) == ({"a": 1}, 1)
    assert got.lease_expires_at.seconds > fleet.site.clock() // SECOND


async def test_a_robot_may_ask_for_the_graph_alone(fleet: Fleet) -> None:
    await fleet.register()
    await fleet.queue()

    got = await fleet.claimed(graph_only=True)

    assert (got.workflow_json, len(got.graph.nodes)) == ("", 1)


async def test_the_best_job_comes_first(fleet: Fleet) -> None:
    await fleet.register(max_jobs=3)
    late, early, urgent = [await fleet.queue(priority=priority) for priority in (10, 9, 0)]

    got = [await fleet.claimed() for _ in range(3)]

    assert ids(got) == ids([urgent, early, late])


async def test_nothing_is_null_over_http(fleet: Fleet) -> None:
    await fleet.register()

    answer = await fleet.site.http.post("/api/v1/robots/r1/claim", json={})

    assert (answer.status_code, answer.json()) == (200, None)


async def test_a_robot_takes_jobs_of_its_modes_only(fleet: Fleet) -> None:
    await fleet.register("lan", execution_modes=[workflow_pb2.EXECUTION_MODE_LAN])
    await fleet.register("far", execution_modes=[workflow_pb2.EXECUTION_MODE_INTERNET])
    await fleet.register("both")
    far, near = await fleet.queue(mode=INTERNET), await fleet.queue(mode=LAN)
    further = await fleet.queue(mode=INTERNET)

    got = [await fleet.claim(robot_id) for robot_id in ("lan", "far", "both")]

    assert ids(got) == ids([near, far, further])


async def test_a_robot_of_a_tenant_takes_jobs_of_that_tenant_only(fleet: Fleet) -> None:
    bearer = await fleet.site.bearer("admin", tenant="acme")
    await fleet.register("theirs", metadata=tuple(bearer.items()))
    await fleet.register("anybodys")
    other, theirs = await fleet.queue(tenant="other"), await fleet.queue(tenant="acme")

    got = [await fleet.claim(robot_id) for robot_id in ("theirs", "theirs", "anybodys")]

    assert ids(got) == ids([theirs, None, other])


async def test_a_robot_has_no_more_jobs_than_it_takes(fleet: Fleet) -> None:
    await fleet.register(max_jobs=2)
    for _ in range(3):
        await fleet.queue()
    first, second, none = [await fleet.claim() for _ in range(3)]
    assert first is not None
    assert second is not None

    await fleet.complete(first)

    assert none is None
    assert await fleet.claim() is not None


async def test_claims_at_once_give_no_robot_more_than_it_takes(fleet: Fleet) -> None:
    await fleet.register(max_jobs=2)
    for _ in range(8):
        await fleet.queue()

    got = await asyncio.gather(*(fleet.claim() for _ in range(8)))

    assert sum(job is not None for job in got) == 2


async def test_a_robot_that_waits_gets_a_job_that_comes_later(fleet: Fleet) -> None:
    await fleet.register()
    waiting = asyncio.create_task(fleet.claim(wait=30))
    await _waits(fleet, 1)

    job = await fleet.queue()

    assert ids([await waiting]) == [job.id]


async def test_a_wait_ends_when_its_time_is_over(fleet: Fleet) -> None:
    await fleet.register()

    assert await fleet.claim(wait=1) is None


async def test_robots_that_wait_are_served_in_the_order_of_their_coming(fleet: Fleet) -> None:
    waiting = []
    for number in range(4):
        await fleet.register(f"r{number}")
        waiting.append(asyncio.create_task(fleet.claim(f"r{number}", wait=30)))
        await _waits(fleet, number + 1)

    jobs = []
    for _ in waiting:
        jobs.append(await fleet.queue())
        await until(lambda: _done(waiting, len(jobs)))

    assert ids(await asyncio.gather(*waiting)) == ids(jobs)


async def test_a_robot_that_is_full_waits_until_it_has_room(fleet: Fleet) -> None:
    await fleet.register()
    await fleet.queue()
    first = await fleet.claimed()
    second = await fleet.queue()
    waiting = asyncio.create_task(fleet.claim(wait=30))

    await fleet.complete(first)

    assert ids([await waiting]) == [second.id]


async def test_a_draining_robot_gets_nothing_until_it_is_resumed(fleet: Fleet) -> None:
    await fleet.register()
    await fleet.drain()
    job = await fleet.queue()

    drained = await fleet.claim()
    waiting = asyncio.create_task(fleet.claim(wait=30))
    await fleet.resume()

    assert drained is None
    assert ids([await waiting]) == [job.id]


async def test_a_job_called_for_a_robot_that_drains_goes_to_another(tmp_path: Path) -> None:
    # Nobody looks for jobs from time to time here, so that calls alone have to do.
    async with serving(tmp_path / "data", background=False) as site:
        fleet = Fleet(site)
        await fleet.store_workflow()
        for robot_id in ("draining", "ready"):
            await fleet.register(robot_id)
        first = asyncio.create_task(fleet.claim("draining", wait=5))
        await _waits(fleet, 1)
        second = asyncio.create_task(fleet.claim("ready", wait=5))
        await _waits(fleet, 2)
        await fleet.drain("draining")

        job = await fleet.queue()

        assert ids([await second, await first]) == [job.id, ""]


async def test_a_job_whose_retry_is_due_reaches_a_robot_that_waits(fleet: Fleet) -> None:
    await fleet.register()
    job = await fleet.queue()
    assert (await fleet.fail(await fleet.claimed())).status
    waiting = asyncio.create_task(fleet.claim(wait=30))
    await _waits(fleet, 1)

    fleet.site.clock.ahead += 5 * SECOND

    got = await waiting
    assert got is not None
    assert (got.job_id, got.attempt, got.fencing_token) == (job.id, 2, 2)


async def test_a_caller_who_leaves_while_a_job_is_given_to_him_gives_it_back(tmp_path: Path) -> None:
    async with serving(tmp_path / "data", background=False) as site:
        fleet = Fleet(site)
        await fleet.store_workflow()
        await fleet.register()
        job = await fleet.queue()
        # Nothing is written until this unit of work ends.
        held_up, go_on = threading.Event(), threading.Event()
        holding = asyncio.create_task(site.database.write(lambda _: _hold(held_up, go_on)))
        await asyncio.to_thread(held_up.wait, 10)
        claim = asyncio.create_task(claims_of(site).claim("r1", wait_seconds=0, graph_only=True))
        for _ in range(10):
            await asyncio.sleep(0)

        claim.cancel()
        go_on.set()
        await asyncio.gather(holding, claim, return_exceptions=True)

        row = await site.kernel.get(job.id)
        assert (row.state, row.fencing_token, row.attempt) == (Task.STATE_QUEUED, 1, 1)


async def test_a_stream_sends_jobs_as_they_come_while_there_is_room(fleet: Fleet) -> None:
    await fleet.register(max_jobs=2)
    request = pb.WatchAssignmentsRequest(robot_id="r1")
    stream = fleet.robots.WatchAssignments(request, metadata=fleet.site.admin)
    jobs = [await fleet.queue() for _ in range(3)]
    got = [(await stream.read()).assignment for _ in range(2)]

    await fleet.complete(got[0])
    got.append((await stream.read()).assignment)

    assert ids(got) == ids(jobs)
    stream.cancel()


async def test_a_job_that_a_broken_stream_did_not_deliver_waits_again(fleet: Fleet) -> None:
    # More than fits into the buffers of a connection whose other side does not read.
    big = {"nodes": [{"id": "start", "type": "StartNode", "config": {"text": "x" * 4_000_000}}], "connections": []}
    fleet.workflow_id = "00000000-0000-4000-8000-000000000001"
    await fleet.store_workflow(big)
    await fleet.register(max_jobs=10)
    jobs = [await fleet.queue() for _ in range(2)]
    async with grpc.aio.insecure_channel(fleet.site.address) as channel:
        call = channel.unary_stream(
            "/switchyard.orchestrator.v1.RobotService/WatchAssignments",
            request_serializer=pb.WatchAssignmentsRequest.SerializeToString,
            response_deserializer=None,
        )(pb.WatchAssignmentsRequest(robot_id="r1"), metadata=fleet.site.admin)
        await until(lambda: _state(fleet, jobs[0].id, Task.STATE_RUNNING))
        call.cancel()

    await until(lambda: _state(fleet, jobs[0].id, Task.STATE_QUEUED), seconds=10)
    assert (await fleet.site.kernel.get(jobs[0].id)).attempt == 1


async def test_a_job_whose_workflow_is_gone_fails_and_the_next_one_is_given(fleet: Fleet) -> None:
    await fleet.register()
    gone = await fleet.site.queue_job("nobody-stored-it")
    job = await fleet.queue()

    got = await fleet.claimed()

    failed = await fleet.site.kernel.get(gone.id)
    assert got.job_id == job.id
    assert (failed.state, failed.error_type) == (Task.STATE_FAILED, "WorkflowGone")


@pytest.mark.parametrize("method", ["ClaimJob", "Heartbeat"])
async def test_a_robot_that_has_not_registered_is_not_found(fleet: Fleet, method: str) -> None:
    call = getattr(fleet.robots, method)(getattr(pb, f"{method}Request")(robot_id="r9"), metadata=fleet.site.admin)

    assert await refused(call) == (grpc.StatusCode.NOT_FOUND, "Robot r9 not found")


async def test_a_draining_worker_claims_no_jobs_but_other_work(fleet: Fleet) -> None:
    await fleet.register("worker-1", metadata=fleet.site.worker)
    await fleet.queue()
    await fleet.drain("worker-1")
    request = worker_pb.ClaimTaskRequest(worker_id="worker-1", worker_host="host-1", kinds=["run_bot", "run_workflow"])
    worker = fleet.site.stub("tasks.WorkerService")

    drained = await worker.ClaimTask(request, metadata=fleet.site.worker)
    await fleet.resume("worker-1")
    resumed = await worker.ClaimTask(request, metadata=fleet.site.worker)

    assert (drained.HasField("task"), resumed.HasField("task")) == (False, True)


def _hold(held_up: threading.Event, go_on: threading.Event) -> None:
    held_up.set()
    go_on.wait(10)


async def _waits(fleet: Fleet, count: int) -> None:
    """Wait until so many robots stand in the waiting room."""
    await until(lambda: _waiting(fleet, count))


async def _waiting(fleet: Fleet, count: int) -> bool:
    return sum(claims_of(fleet.site).waiting().values()) == count


async def _done(tasks: Sequence["asyncio.Task[Assignment | None]"], count: int) -> bool:
    return sum(task.done() for task in tasks) == count


async def _state(fleet: Fleet, job_id: str, state: Task.State.ValueType) -> bool:
    return (await fleet.site.kernel.get(job_id)).state == state
