"""Figures of robots and jobs over HTTP, as the published document prints them."""

from typing import Any

import pytest

from server.clock import SECOND
from switchyard.orchestrator.v1.job_pb2 import NodeExecution
from switchyard.orchestrator.v1.job_worker_service_pb2 import WorkflowResult
from switchyard.orchestrator.v1.robot_service_pb2 import RegisterRobotRequest
from tests.integration.orchestrator.serving import Site

DAY = 86_400 * SECOND


async def get(site: Site, path: str, **params: Any) -> Any:
    answer = await site.http.get(f"/api/v1/metrics/{path}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def register(site: Site, robot_id: str = "robot-001") -> None:
    stub = site.stub("orchestrator.RobotService")
    await stub.RegisterRobot(RegisterRobotRequest(robot_id=robot_id, hostname="desktop"), metadata=site.admin)


async def test_an_empty_fleet_is_all_zeros(site: Site) -> None:
    assert await get(site, "fleet") == {
        "total_robots": 0,
        "active_robots": 0,
        "idle_robots": 0,
        "offline_robots": 0,
        "total_jobs_today": 0,
        "active_jobs": 0,
        "queue_depth": 0,
        "average_job_duration_seconds": 0,
    }


async def test_the_fleet_is_counted(site: Site) -> None:
    site.clock.stopped_at = site.clock()
    for robot in ("robot-001", "robot-002"):
        await register(site, robot)
    for _ in range(3):
        await site.queue_job()
    lease = await site.claim("robot-001")
    site.clock.ahead += 2 * SECOND
    await site.complete(lease)
    await site.claim("robot-001")

    found = await get(site, "fleet")

    assert (found["total_robots"], found["active_robots"], found["idle_robots"]) == (2, 1, 1)
    assert (found["total_jobs_today"], found["active_jobs"], found["queue_depth"]) == (3, 1, 1)
    assert found["average_job_duration_seconds"] == 2


async def test_a_robot_shows_what_it_did_today(site: Site) -> None:
    await register(site)
    for _ in range(2):
        await site.queue_job()
    await site.complete(await site.claim())
    await site.fail(await site.claim())

    found = await get(site, "robots/robot-001")

    assert (found["jobs_completed_today"], found["jobs_failed_today"]) == (1, 1)
    assert (found["status"], found["hostname"], found["current_job_id"]) == ("idle", "desktop", None)


async def test_what_was_done_yesterday_is_not_of_today(site: Site) -> None:
    await register(site)
    await site.queue_job()
    await site.complete(await site.claim())
    site.clock.ahead += DAY

    found = await get(site, "robots/robot-001")

    assert (found["jobs_completed_today"], found["status"]) == (0, "offline")
    assert (await get(site, "fleet"))["total_jobs_today"] == 0


async def test_robots_are_listed_by_status(site: Site) -> None:
    await register(site)

    assert [robot["robot_id"] for robot in await get(site, "robots", status="idle")] == ["robot-001"]
    assert await get(site, "robots", status="busy") == []


async def test_an_unknown_robot_is_not_found(site: Site) -> None:
    answer = await site.http.get("/api/v1/metrics/robots/robot-9")

    assert (answer.status_code, answer.json()) == (404, {"detail": "Robot robot-9 not found"})


@pytest.mark.parametrize(
    "path",
    [
        "robots/robot.one",  # dots are for hosts
        f"robots/{'r' * 65}",
        "robots?status=asleep",
        "jobs?status=lost",
        "jobs?limit=0",
        "jobs?limit=501",
        "jobs?limit=abc",
        "analytics?days=0",
        "analytics?days=91",
        "analytics?days=2.5",
        "activity?limit=201",
        "activity?event_type=nothing",
        "activity?since=yesterday",
    ],
)
async def test_what_is_out_of_bounds_is_refused(site: Site, path: str) -> None:
    answer = await site.http.get(f"/api/v1/metrics/{path}")

    assert answer.status_code == 400, answer.text
    assert isinstance(answer.json()["detail"], str)


async def test_jobs_are_listed_newest_first_as_the_document_prints_them(site: Site) -> None:
    site.clock.stopped_at = 1_764_583_200 * SECOND
    older = await site.queue_job(name="Daily Report")
    site.clock.ahead += SECOND
    newer = await site.queue_job("w2", name="Other")
    lease = await site.claim()
    site.clock.ahead += 90 * SECOND
    await site.complete(lease)

    jobs = await get(site, "jobs")

    assert [job["job_id"] for job in jobs] == [newer.id, older.id]
    assert jobs[1] == {
        "job_id": older.id,
        "workflow_id": "w1",
        "workflow_name": "Daily Report",
        "robot_id": "robot-001",
        "status": "completed",
        "created_at": "2025-12-01T10:00:00Z",
        "completed_at": "2025-12-01T10:01:31Z",
        "duration_ms": 90000,
    }
    assert (jobs[0]["robot_id"], jobs[0]["completed_at"], jobs[0]["duration_ms"]) == (None, None, None)


async def test_a_list_goes_on_before_a_job(site: Site) -> None:
    ids = [(await site.queue_job()).id for _ in range(5)]

    first = [job["job_id"] for job in await get(site, "jobs", limit=2)]
    second = [job["job_id"] for job in await get(site, "jobs", limit=9, before=first[-1])]

    assert first + second == ids[::-1]


async def test_a_list_before_an_unknown_job_is_not_found(site: Site) -> None:
    assert (await site.http.get("/api/v1/metrics/jobs", params={"before": "nothing"})).status_code == 404


async def test_a_job_shows_what_it_executed(site: Site) -> None:
    job = await site.queue_job()
    node = NodeExecution(
        node_id="start", node_type="StartNode", status=NodeExecution.STATUS_COMPLETED, duration_ms=5, inputs="{}"
    )
    result = WorkflowResult(variables='{"total": 15}', outputs='{"start": {}}', node_executions=[node])
    await site.complete(await site.claim(), result)

    found = await get(site, f"jobs/{job.id}")

    assert (found["status"], found["robot_id"], found["retry_count"]) == ("completed", "robot-001", 0)
    assert (found["variables"], found["outputs"]) == ({"total": 15}, {"start": {}})
    assert (found["error_message"], found["error_type"], found["claimed_at"] is not None) == (None, None, True)
    assert [(one["node_id"], one["status"], one["duration_ms"]) for one in found["node_executions"]] == [
        ("start", "completed", 5)
    ]


async def test_a_failed_job_says_why(site: Site) -> None:
    job = await site.queue_job()
    await site.fail(await site.claim(), "SelectorNotFound")

    found = await get(site, f"jobs/{job.id}")

    assert (found["status"], found["error_type"]) == ("failed", "SelectorNotFound")
    assert found["error_message"] == "it took too long"


async def test_analytics_of_nothing_are_zeros(site: Site) -> None:
    assert await get(site, "analytics") == {
        "total_jobs": 0,
        "success_rate": 0,
        "failure_rate": 0,
        "average_duration_ms": 0,
        "p50_duration_ms": 0,
        "p90_duration_ms": 0,
        "p99_duration_ms": 0,
        "slowest_workflows": [],
        "error_distribution": [],
        "self_healing_success_rate": None,
    }


async def test_analytics_sum_up_what_ended(site: Site) -> None:
    site.clock.stopped_at = site.clock()
    for seconds in (1, 2, 3, 10):
        await site.queue_job(name="Slow")
        lease = await site.claim()
        site.clock.ahead += seconds * SECOND
        await site.complete(lease)
    await site.queue_job()
    await site.fail(await site.claim())

    found = await get(site, "analytics", days=1)

    assert (found["total_jobs"], found["success_rate"], found["failure_rate"]) == (5, 80, 20)
    assert (found["average_duration_ms"], found["p50_duration_ms"]) == (4000, 2500)
    assert found["p90_duration_ms"] == pytest.approx(7900)
    assert found["slowest_workflows"] == [
        {"workflow_id": "w1", "workflow_name": "Daily Report", "average_duration_ms": 4000}
    ]
    assert found["error_distribution"] == [{"error_type": "TimeoutError", "count": 1}]


async def test_activity_is_told_newest_first_and_counted(site: Site) -> None:
    site.clock.stopped_at = site.clock()
    job = await site.queue_job()
    lease = await site.claim()
    site.clock.ahead += 90 * SECOND
    await site.complete(lease)

    found = await get(site, "activity", limit=1)

    assert found["total"] == 2
    event = found["events"][0]
    assert (event["type"], event["title"]) == ("job_completed", "Job completed successfully")
    assert event["details"] == "Daily Report finished in 90s"
    assert (event["robot_id"], event["job_id"]) == ("robot-001", job.id)
    assert event["id"].startswith("evt-")


async def test_activity_is_filtered_by_type_and_time(site: Site) -> None:
    site.clock.stopped_at = site.clock() // SECOND * SECOND
    await site.queue_job()
    await site.complete(await site.claim())
    now = site.clock()
    since = (await get(site, "activity"))["events"][0]["timestamp"]
    site.clock.ahead += SECOND
    await site.queue_job()
    await site.claim()

    started = await get(site, "activity", event_type="job_started")
    later = await get(site, "activity", since=since)

    assert (started["total"], now % SECOND) == (2, 0)
    assert [event["type"] for event in later["events"]] == ["job_started"]


async def test_a_tenant_sees_its_own_figures(site: Site) -> None:
    await site.queue_job("w-acme", tenant="acme")
    await site.queue_job("w-other")
    await site.complete(await site.claim())
    await site.complete(await site.claim())

    async with site.client("viewer", tenant="acme") as acme:
        answers = {
            path: (await acme.get(f"/api/v1/metrics/{path}")).json()
            for path in ("fleet", "jobs", "analytics", "activity")
        }

    assert answers["fleet"]["total_jobs_today"] == 1
    assert [job["workflow_id"] for job in answers["jobs"]] == ["w-acme"]
    assert answers["analytics"]["total_jobs"] == 1
    assert answers["activity"]["total"] == 2


async def test_each_answer_says_how_many_requests_are_left(site: Site) -> None:
    answer = await site.http.get("/api/v1/metrics/analytics")

    assert (answer.headers["x-ratelimit-limit"], answer.headers["x-ratelimit-remaining"]) == ("20", "19")


async def test_too_many_requests_are_told_when_to_come_back(site: Site) -> None:
    for _ in range(20):
        await site.http.get("/api/v1/metrics/analytics")

    answer = await site.http.get("/api/v1/metrics/analytics")

    assert (answer.status_code, answer.json()["error"]) == (429, "Rate limit exceeded")
    assert str(answer.json()["retry_after"]) == answer.headers["retry-after"]
