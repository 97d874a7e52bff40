"""Jobs: cancelled, tried again by hand, explained, and their logs."""

import json
from typing import Any

import grpc
import pytest

from server.clock import SECOND
from server.orchestrator.jobs import job_view
from server.tasks.task import TaskRow
from switchyard.orchestrator.v1 import job_service_pb2 as pb
from switchyard.tasks.v1 import worker_service_pb2 as worker_pb
from switchyard.tasks.v1.task_pb2 import CancelReceipt, LogLine
from tests.integration.orchestrator.serving import Site, refused

UNKNOWN = "00000000-0000-0000-0000-000000000000"


async def post(site: Site, path: str, body: Any = None, **headers: str) -> Any:
    return await site.http.post(f"/api/v1/jobs/{path}", json=body or {}, headers=headers)


async def explain(site: Site, job_id: str) -> Any:
    return (await site.http.get(f"/api/v1/jobs/{job_id}/explain")).json()


async def submit(site: Site, **fields: Any) -> TaskRow:
    """Store a workflow for robots on other machines, and return its first job."""
    workflow = {"nodes": [{"id": "start", "type": "StartNode"}], "connections": []}
    body = {"workflow_name": "Daily Report", "workflow_json": workflow, "execution_mode": "internet"} | fields
    answer = await site.http.post("/api/v1/workflows", json=body)
    assert answer.status_code == 200, answer.text
    return await site.kernel.get(answer.json()["job_id"])


@pytest.mark.parametrize("path", ["cancel", "retry"])
async def test_an_unknown_job_is_not_found(site: Site, path: str) -> None:
    answer = await post(site, f"{UNKNOWN}/{path}")

    assert (answer.status_code, answer.json()) == (404, {"detail": f"Job {UNKNOWN} not found"})


async def test_a_task_that_runs_no_workflow_is_no_job(site: Site) -> None:
    from tests.integration.tasks.parts import run

    task = await site.kernel.create(run())

    assert (await post(site, f"{task.id}/cancel")).status_code == 404


async def test_a_job_that_waits_is_cancelled_at_once(site: Site) -> None:
    job = await site.queue_job()

    answer = await post(site, f"{job.id}/cancel", {"reason": "not needed"})

    assert answer.json() == {"job_id": job.id, "status": "cancelled"}
    assert (await site.kernel.get(job.id)).cancel_reason == "not needed"


async def test_a_job_that_runs_stays_claimed_until_its_robot_confirms_the_end(site: Site) -> None:
    job = await site.queue_job()
    lease = await site.claim()

    answer = await post(site, f"{job.id}/cancel")
    cancelled = worker_pb.FinishTaskRequest.Cancelled(receipt=CancelReceipt(exit_code=-15))
    request = worker_pb.FinishTaskRequest(lease=lease, cancelled=cancelled)
    await site.stub("tasks.WorkerService").FinishTask(request, metadata=site.worker)

    assert answer.json() == {"job_id": job.id, "status": "claimed"}
    assert (await site.http.get(f"/api/v1/metrics/jobs/{job.id}")).json()["status"] == "cancelled"


async def test_a_job_that_has_completed_cannot_be_cancelled(site: Site) -> None:
    job = await site.queue_job()
    await site.complete(await site.claim())

    assert (await post(site, f"{job.id}/cancel")).status_code == 409


async def test_a_retry_is_a_new_job_with_the_same_variables(site: Site) -> None:
    job = await submit(site, priority=3, variables={"name": "Ann"})
    await site.fail(await site.claim())

    answer = await post(site, f"{job.id}/retry")
    new = (await site.http.get(f"/api/v1/metrics/jobs/{answer.json()['job_id']}")).json()

    assert answer.json()["status"] == "pending"
    assert (new["retry_of"], new["priority"], new["workflow_name"]) == (job.id, 3, job.title)
    again = await site.kernel.get(new["job_id"])
    assert (again.kind, job_view.payload(again).variables) == (job.kind, '{"name":"Ann"}')


async def test_a_job_of_a_deleted_workflow_is_not_tried_again(site: Site) -> None:
    job = await submit(site)
    await site.fail(await site.claim())
    workflow_id = job_view.payload(job).workflow_id
    assert (await site.http.delete(f"/api/v1/workflows/{workflow_id}")).status_code == 200

    answer = await post(site, f"{job.id}/retry")

    assert (answer.status_code, answer.json()["detail"]) == (404, f"Workflow not found: {workflow_id}")


async def test_a_job_that_has_not_ended_is_not_tried_again(site: Site) -> None:
    job = await site.queue_job()

    assert (await post(site, f"{job.id}/retry")).status_code == 409


async def test_a_retry_with_the_same_key_is_the_same_job(site: Site) -> None:
    job = await submit(site)
    await site.fail(await site.claim())

    first, second = [await post(site, f"{job.id}/retry", **{"Idempotency-Key": "k"}) for _ in range(2)]

    assert first.json() == second.json()


async def test_a_job_without_robots_waits_for_one(site: Site) -> None:
    job = await site.queue_job()

    found = await explain(site, job.id)

    assert [cause["kind"] for cause in found["causes"]] == ["no_robot"]
    assert found["summary"] == "No robot that takes execution mode lan is there."
    assert (found["jobs_ahead"], found["robots"]) == (0, [])


async def test_a_job_behind_others_says_how_many(site: Site) -> None:
    await site.queue_job(priority=0)
    await site.queue_job(priority=20)
    job = await site.queue_job()

    found = await explain(site, job.id)

    assert found["jobs_ahead"] == 1
    assert "1 job goes first." in [cause["message"] for cause in found["causes"]]


async def test_a_job_between_two_attempts_is_not_due(site: Site) -> None:
    job = await site.queue_job()
    await site.fail(await site.claim(), retryable=True)

    found = await explain(site, job.id)

    assert found["causes"][0]["kind"] == "not_due"
    assert found["causes"][0]["message"].startswith("Attempt 2 of 4 begins at ")


async def test_a_job_that_runs_does_not_wait(site: Site) -> None:
    job = await site.queue_job()
    await site.claim()

    found = await explain(site, job.id)

    assert (found["causes"], found["waiting_since"]) == ([], None)
    assert found["summary"] == "The job does not wait: a robot has it."


async def append_log(site: Site, lease: worker_pb.LeaseKey, *messages: str) -> None:
    lines = [LogLine(message=message) for message in messages]
    request = worker_pb.AppendLogRequest(lease=lease, first_sequence=1, lines=lines)
    await site.stub("tasks.WorkerService").AppendLog(request, metadata=site.worker)


async def test_logs_are_read_page_by_page(site: Site) -> None:
    job = await site.queue_job()
    await append_log(site, await site.claim(), "one", "two", "three")

    first = (await site.http.get(f"/api/v1/jobs/{job.id}/logs", params={"limit": 2})).json()
    rest = (await site.http.get(f"/api/v1/jobs/{job.id}/logs", params={"after": first["next_cursor"]})).json()

    assert [line["message"] for line in first["lines"] + rest["lines"]] == ["one", "two", "three"]
    assert rest["next_cursor"] is None


async def test_a_cursor_of_another_log_is_refused(site: Site) -> None:
    job = await site.queue_job()

    answer = await site.http.get(f"/api/v1/jobs/{job.id}/logs", params={"after": f"{UNKNOWN}:3"})

    assert answer.status_code == 400


async def test_the_log_is_followed_from_its_first_line_to_the_end_of_the_job(site: Site) -> None:
    job = await site.queue_job()
    lease = await site.claim()
    await append_log(site, lease, "one", "two")
    await site.complete(lease)

    text = (await site.http.get(f"/api/v1/jobs/{job.id}/logs/stream")).text

    events = [event.splitlines() for event in text.strip().split("\n\n") if not event.startswith(":")]
    assert [line for event in events for line in event if line.startswith("id:")] == [
        f"id: {job.id}:1",
        f"id: {job.id}:2",
        f"id: {job.id}:end",
    ]
    assert "event: end" in events[-1]


async def test_who_was_at_the_end_of_a_log_gets_the_end_again(site: Site) -> None:
    job = await site.queue_job()
    lease = await site.claim()
    await append_log(site, lease, "one")
    await site.complete(lease)

    stub = site.stub("orchestrator.JobService")
    request = pb.WatchJobLogsRequest(job_id=job.id, after=f"{job.id}:end")
    answers = [answer async for answer in stub.WatchJobLogs(request, metadata=site.admin)]

    assert [len(answer.lines) for answer in answers] == [0]
    assert answers[0].end.cursor == f"{job.id}:end"


async def test_jobs_of_another_tenant_are_not_there(site: Site) -> None:
    job = await site.queue_job(tenant="acme")
    ours, theirs = await site.bearer("operator", tenant="acme"), await site.bearer("operator", tenant="globex")
    stub = site.stub("orchestrator.JobService")

    await stub.ExplainJob(pb.ExplainJobRequest(job_id=job.id), metadata=tuple(ours.items()))
    for call in (
        stub.ExplainJob(pb.ExplainJobRequest(job_id=job.id), metadata=tuple(theirs.items())),
        stub.CancelJob(pb.CancelJobRequest(job_id=job.id), metadata=tuple(theirs.items())),
        stub.RetryJob(pb.RetryJobRequest(job_id=job.id), metadata=tuple(theirs.items())),
        stub.ListJobLogs(pb.ListJobLogsRequest(job_id=job.id), metadata=tuple(theirs.items())),
    ):
        assert (await refused(call))[0] is grpc.StatusCode.NOT_FOUND


async def test_the_pause_before_a_retry_ends(site: Site) -> None:
    job = await site.queue_job()
    await site.fail(await site.claim(), retryable=True)
    site.clock.ahead += 6 * SECOND

    assert "not_due" not in json.dumps(await explain(site, job.id))
