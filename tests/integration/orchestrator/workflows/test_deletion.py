"""Deleting workflows: what ends with them, what goes on, and what is cleared away when nobody needs it any more."""

import sqlalchemy as sa

from server.orchestrator.tables import WORKFLOW_VERSIONS
from server.orchestrator.workflows import housekeeping
from server.orchestrator.workflows.housekeeping import WorkflowHousekeeping
from switchyard.orchestrator.v1.job_worker_service_pb2 import GetJobGraphRequest
from switchyard.tasks.v1.task_pb2 import Task
from tests.integration.orchestrator.serving import Site
from tests.integration.orchestrator.workflows.parts import submitted


async def state(site: Site, job_id: str) -> "Task.State.ValueType":
    return (await site.kernel.get(job_id)).state


async def version_count(site: Site) -> int:
    query = sa.select(sa.func.count()).select_from(WORKFLOW_VERSIONS)
    return int(await site.database.read(lambda connection: connection.execute(query).scalar_one()))


async def test_a_deleted_workflow_is_gone_with_its_schedules(ready: Site) -> None:
    answer = await submitted(ready, trigger_type="scheduled", schedule_cron="@daily")
    path = f"/api/v1/workflows/{answer['workflow_id']}"

    deleted = await ready.http.delete(path)

    assert deleted.json() == {"status": "success", "message": f"Workflow deleted: {answer['workflow_id']}"}
    assert (await ready.http.get(path)).status_code == 404
    assert (await ready.http.delete(path)).status_code == 404
    assert (await ready.http.get("/api/v1/workflows")).json()["workflows"] == []
    assert (await ready.http.get(f"/api/v1/schedules/{answer['schedule_id']}")).status_code == 404


async def test_jobs_that_wait_are_cancelled_and_running_ones_go_on(ready: Site) -> None:
    answer = await submitted(ready)
    path = f"/api/v1/workflows/{answer['workflow_id']}"
    waiting = (await ready.http.post(f"{path}/run", json={})).json()["job_id"]
    lease = await ready.claim()

    await ready.http.delete(path)

    assert lease.task_id == answer["job_id"]
    assert await state(ready, waiting) == Task.STATE_CANCELLED
    assert await state(ready, lease.task_id) == Task.STATE_RUNNING
    graph = await ready.stub("orchestrator.JobWorkerService").GetJobGraph(
        GetJobGraphRequest(lease=lease), metadata=ready.worker
    )
    assert [node.id for node in graph.graph.nodes] == ["start", "log"]


async def test_many_waiting_jobs_are_cancelled_in_steps(ready: Site) -> None:
    answer = await submitted(ready)
    path = f"/api/v1/workflows/{answer['workflow_id']}"
    jobs = [
        (await ready.http.post(f"{path}/run", json={})).json()["job_id"] for _ in range(housekeeping.JOBS_AT_ONCE + 5)
    ]

    await ready.http.delete(path)

    assert {await state(ready, job_id) for job_id in jobs} == {Task.STATE_CANCELLED}


async def test_versions_go_once_no_job_needs_them(ready: Site) -> None:
    answer = await submitted(ready)
    await submitted(ready, execution_mode="internet")
    lease = await ready.claim("robot-001", "run_workflow")
    await ready.http.delete(f"/api/v1/workflows/{answer['workflow_id']}")
    keeping = WorkflowHousekeeping(ready.database, ready.kernel, ready.clock)

    await keeping.clear()
    assert await version_count(ready) == 2

    await ready.complete(lease)
    await keeping.clear()
    assert await version_count(ready) == 1


async def test_a_job_that_slipped_in_is_cancelled_later(ready: Site) -> None:
    answer = await submitted(ready)
    await ready.http.delete(f"/api/v1/workflows/{answer['workflow_id']}")
    late = await ready.queue_job(answer["workflow_id"])

    await WorkflowHousekeeping(ready.database, ready.kernel, ready.clock).clear()

    assert await state(ready, late.id) == Task.STATE_CANCELLED
