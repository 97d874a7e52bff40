"""What a robot reports of a job, and when it is believed."""

import json
from collections.abc import Awaitable
from typing import Any, cast

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import error_details_pb2, status_pb2

from server.clock import SECOND
from switchyard.orchestrator.v1 import robot_service_pb2 as pb
from switchyard.orchestrator.v1.job_pb2 import Job, NodeExecution
from switchyard.orchestrator.v1.job_worker_service_pb2 import WorkflowResult
from switchyard.orchestrator.v1.robot_pb2 import Assignment
from switchyard.tasks.v1.task_pb2 import CancelReceipt, LogLine, Task
from tests.integration.orchestrator.robots.fleet import Fleet
from tests.integration.orchestrator.serving import refused
from tests.integration.tasks.parts import run


@pytest.fixture
async def job(fleet: Fleet) -> Assignment:
    """A job in the hands of the robot r1."""
    await fleet.register()
    await fleet.register("r2")
    await fleet.queue()
    return await fleet.claimed()


def reports(job: Assignment, robot_id: str = "r1", token: int = 0) -> dict[str, Any]:
    """One report of each kind."""
    who: dict[str, Any] = {"robot_id": robot_id, "job_id": job.job_id, "fencing_token": token or job.fencing_token}
    return {
        "ReportJobProgress": pb.ReportJobProgressRequest(**who, fraction=0.5),
        "AppendJobLog": pb.AppendJobLogRequest(**who, first_sequence=1, lines=[LogLine(message="hello")]),
        "CompleteJob": pb.CompleteJobRequest(**who),
        "FailJob": pb.FailJobRequest(**who),
        "ReleaseJob": pb.ReleaseJobRequest(**who),
    }


async def test_a_completed_job_keeps_what_came_out(fleet: Fleet, job: Assignment) -> None:
    executed = NodeExecution(node_id="start", status=NodeExecution.STATUS_COMPLETED, duration_ms=5)

    answer = await fleet.complete(job, variables='{"a":15}', outputs='{"start":{}}', node_executions=[executed])

    row = await fleet.site.kernel.get(job.job_id)
    result = await _result(fleet, job)
    assert (answer.status, row.state) == (Job.STATUS_COMPLETED, Task.STATE_SUCCEEDED)
    assert (result.variables, result.outputs) == ('{"a":15}', '{"start":{}}')
    assert list(result.node_executions) == [executed]


async def test_the_same_report_of_an_end_has_the_same_answer_and_changes_nothing(fleet: Fleet, job: Assignment) -> None:
    first = await fleet.complete(job, variables='{"a":1}')

    again = await fleet.complete(job, variables='{"a":2}')

    assert again == first
    assert (await _result(fleet, job)).variables == '{"a":1}'


async def test_a_failure_is_tried_again_after_five_seconds_doubling_three_times(fleet: Fleet, job: Assignment) -> None:
    for wait in (5, 10, 20):
        before = fleet.site.clock()
        answer = await fleet.fail(job, error_type="TimeoutError", error_message="it took too long")
        after = fleet.site.clock()
        assert answer.status == Job.STATUS_PENDING
        due = (await fleet.site.kernel.get(job.job_id)).not_before or 0
        assert before <= due - wait * SECOND <= after
        fleet.site.clock.ahead += (wait + 1) * SECOND
        await fleet.beat()
        job = await fleet.claimed()

    last = await fleet.fail(job)

    assert (job.attempt, last.status) == (4, Job.STATUS_FAILED)


async def test_a_failure_that_would_come_again_is_final(fleet: Fleet, job: Assignment) -> None:
    answer = await fleet.fail(job, retryable=False, outputs='{"start":{}}')

    row = await fleet.site.kernel.get(job.job_id)
    assert (answer.status, row.error_type, row.error_message) == (Job.STATUS_FAILED, "JobFailed", "The job failed.")
    assert (await _result(fleet, job)).outputs == '{"start":{}}'


async def test_a_cancelled_job_ends_with_a_receipt(fleet: Fleet, job: Assignment) -> None:
    await fleet.site.kernel.cancel(job.job_id, "enough")
    heard = await fleet.beat("r1", job)

    answer = await fleet.fail(job, cancelled=True)

    row = await fleet.site.kernel.get(job.job_id)
    assert list(heard.cancel_job_ids) == [job.job_id]
    assert answer.status == Job.STATUS_CANCELLED
    assert CancelReceipt.FromString(row.receipt or b"").HasField("confirm_time")


async def test_a_cancel_that_nobody_asked_for_is_refused(fleet: Fleet, job: Assignment) -> None:
    code, _ = await refused(fleet.fail(job, cancelled=True))

    assert code == grpc.StatusCode.INVALID_ARGUMENT


async def test_a_released_job_waits_again_and_its_attempt_is_not_counted(fleet: Fleet, job: Assignment) -> None:
    assert (await fleet.release(job)).status == Job.STATUS_PENDING

    again = await fleet.claimed("r2")

    assert (again.job_id, again.attempt, again.fencing_token) == (job.job_id, 1, 2)


async def test_progress_is_stored_and_renews_the_lease(fleet: Fleet, job: Assignment) -> None:
    before = await fleet.site.kernel.get(job.job_id)
    fleet.site.clock.ahead += 7 * SECOND
    request = pb.ReportJobProgressRequest(
        robot_id="r1", job_id=job.job_id, fencing_token=1, fraction=0.25, message="page 1"
    )

    answer = await fleet.robots.ReportJobProgress(request, metadata=fleet.site.admin)

    row = await fleet.site.kernel.get(job.job_id)
    assert (row.progress_fraction, row.progress_message) == (0.25, "page 1")
    assert (row.lease_expire_time or 0) - (before.lease_expire_time or 0) >= 7 * SECOND
    assert not answer.cancel_requested


async def test_log_lines_are_stored_once(fleet: Fleet, job: Assignment) -> None:
    request = reports(job)["AppendJobLog"]

    answers = [await fleet.robots.AppendJobLog(request, metadata=fleet.site.admin) for _ in range(2)]

    assert [answer.stored_sequence for answer in answers] == [1, 1]


@pytest.mark.parametrize("method", list(reports(Assignment())))
async def test_reports_of_a_robot_that_lost_the_job_are_refused(fleet: Fleet, job: Assignment, method: str) -> None:
    await fleet.release(job)
    newer = await fleet.claimed("r2")
    tries = {
        "its own, of a claim that is over": reports(job)[method],
        "with the token of the other": reports(job, "r1", newer.fencing_token)[method],
        "a token that was never given": reports(job, "r2", 99)[method],
        "of no job at all": reports(Assignment(job_id="no-such-job", fencing_token=1))[method],
    }

    told = {
        words: await _reason(getattr(fleet.robots, method)(request, metadata=fleet.site.admin))
        for words, request in tries.items()
    }

    assert told == dict.fromkeys(tries, (grpc.StatusCode.FAILED_PRECONDITION, "ERROR_REASON_LEASE_LOST"))
    row = await fleet.site.kernel.get(job.job_id)
    assert (row.state, row.worker_id, row.log_line_count) == (Task.STATE_RUNNING, "r2", 0)


async def test_a_late_report_is_a_conflict_over_http(fleet: Fleet, job: Assignment) -> None:
    await fleet.complete(job)

    answer = await fleet.site.http.post(f"/api/v1/robots/r1/jobs/{job.job_id}/fail", json={"fencing_token": 1})
    again = await fleet.site.http.post(f"/api/v1/robots/r1/jobs/{job.job_id}/complete", json={"fencing_token": 1})

    # The same token ended it already: that is the answer, whatever is said now.
    assert (answer.status_code, again.status_code) == (200, 200)
    late = await fleet.site.http.post(f"/api/v1/robots/r1/jobs/{job.job_id}/release", json={"fencing_token": 1})
    assert late.status_code == 409
    assert "lease" in late.json()["detail"]


async def test_a_robot_cannot_touch_other_tasks(fleet: Fleet, job: Assignment) -> None:
    await fleet.site.kernel.create(run())
    held = await fleet.site.kernel.claim(worker_id="r1", worker_host="host-1", kinds=["run_bot"])
    assert held is not None
    report = pb.CompleteJobRequest(robot_id="r1", job_id=held.id, fencing_token=held.fencing_token)

    told = await _reason(fleet.robots.CompleteJob(report, metadata=fleet.site.admin))

    assert told[1] == "ERROR_REASON_LEASE_LOST"


async def test_the_whole_life_of_a_job_over_http(fleet: Fleet) -> None:
    http = fleet.site.http
    registered = await http.post("/api/v1/robots/register", json={"robot_id": "web", "hostname": "h", "max_jobs": 2})
    job = await fleet.queue()
    claimed = (await http.post("/api/v1/robots/web/claim", json={"wait_seconds": 5})).json()
    token = claimed["fencing_token"]
    path = f"/api/v1/robots/web/jobs/{claimed['job_id']}"
    beat = await http.post(
        "/api/v1/robots/web/heartbeat",
        json={"cpu_percent": 12.5, "memory_mb": 100, "jobs": [{"job_id": job.id, "fencing_token": token}]},
    )
    progress = await http.post(f"{path}/progress", json={"fencing_token": token, "fraction": 0.5})
    logs = await http.post(
        f"{path}/logs", json={"fencing_token": token, "first_sequence": 1, "lines": [{"message": "hi"}]}
    )
    complete = await http.post(f"{path}/complete", json={"fencing_token": token, "variables": {"total": 15}})

    assert registered.json() == {"robot_id": "web", "draining": False, "heartbeat_seconds": 10, "lease_seconds": 30}
    assert claimed["job_id"] == job.id
    assert beat.json() == {"draining": False, "cancel_job_ids": [], "lost_job_ids": []}
    assert progress.json() == {"cancel_requested": False}
    assert logs.json() == {"stored_sequence": 1}
    assert complete.json() == {"status": "completed"}
    result = WorkflowResult()
    row = await fleet.site.kernel.get(job.id)
    _unpack(row.result, result)
    assert json.loads(result.variables) == {"total": 15}


@pytest.mark.parametrize(
    "body",
    [
        {"robot_id": "robot.1"},
        {"robot_id": "r" * 65},
        {"robot_id": ""},
        {"robot_id": "r\n"},
        {"robot_id": "r1", "max_jobs": 0},
        {"robot_id": "r1", "max_jobs": 101},
        {"robot_id": "r1", "max_jobs": "2"},
        {"robot_id": "r1", "execution_modes": ["moon"]},
        {"robot_id": "r1", "hostname": "h" * 256},
    ],
)
async def test_what_no_robot_can_be_is_refused_and_not_stored(fleet: Fleet, body: dict[str, object]) -> None:
    answer = await fleet.site.http.post("/api/v1/robots/register", json=body)

    assert answer.status_code == 400
    assert await fleet.statuses() == {}


async def _result(fleet: Fleet, job: Assignment) -> WorkflowResult:
    result = WorkflowResult()
    _unpack((await fleet.site.kernel.get(job.job_id)).result, result)
    return result


def _unpack(packed: bytes | None, result: WorkflowResult) -> None:
    assert AnyMessage.FromString(packed or b"").Unpack(result)


async def _reason(call: Awaitable[object]) -> tuple[grpc.StatusCode, str]:
    """Await a call that has to be refused, and return its code and reason."""
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await call
    metadata: Any = dict(cast("Any", refusal.value.trailing_metadata()))
    info = error_details_pb2.ErrorInfo()
    assert status_pb2.Status.FromString(metadata["grpc-status-details-bin"]).details[0].Unpack(info)
    return refusal.value.code(), info.reason
