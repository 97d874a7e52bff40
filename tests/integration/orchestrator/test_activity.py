"""The feed of activity: one event for each thing that happens, in the transaction in which it happens."""

from server.orchestrator.metrics import activity_store
from server.orchestrator.metrics.activity_store import Filters
from tests.integration.orchestrator.serving import Site


async def test_a_job_that_completes_leaves_two_events(site: Site) -> None:
    job = await site.queue_job()
    await site.complete(await site.claim())

    events = await site.database.read(lambda c: activity_store.newest(c, Filters(), limit=10))

    assert [event.title for event in events] == ["Job completed successfully", "Job started"]
    assert {(event.job_id, event.robot_id) for event in events} == {(job.id, "robot-001")}
