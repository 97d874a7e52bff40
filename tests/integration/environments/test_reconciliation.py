"""What is stored is compared with what the provider has, and put right."""

import asyncio
from pathlib import Path

import grpc
import sqlalchemy as sa

from server.clock import SECOND
from server.environments.reconciliation.comparing import Comparing
from server.environments.reconciliation.stuck import Stuck
from server.environments.tables import FOUND_ENVIRONMENTS
from server.tasks.tables import TASKS
from switchyard.environments.v1 import provisioning_service_pb2 as pb
from switchyard.environments.v1.provisioning_service_pb2 import ProvisionEnvironment
from tests.integration.environments.comparison import (
    BROKEN,
    RESTS,
    RUNS,
    UNTOLD,
    begin,
    compare,
    decisions,
    end,
    last_comparison,
    report,
    settle,
    there,
)
from tests.integration.environments.serving import PATH, Worker, create, look
from tests.integration.orchestrator.serving import Site, refused, serving

DIALECTS = ["sqlite", "postgresql"]

CREATE, STOP, DELETE, CLEAN_UP = (
    ProvisionEnvironment.OPERATION_CREATE,
    ProvisionEnvironment.OPERATION_STOP,
    ProvisionEnvironment.OPERATION_DELETE,
    ProvisionEnvironment.OPERATION_CLEAN_UP,
)


async def test_what_differs_is_corrected_and_says_why(site: Site, worker: Worker) -> None:
    stopped, broken, gone, well = [await worker.running() for _ in range(4)]

    await compare(site, worker, there(stopped, RESTS), there(broken, BROKEN), there(well))

    standing = [await look(site.http, one) for one in (stopped, broken, gone, well)]
    assert [one["status"] for one in standing] == ["STOPPED", "ERROR", "ERROR", "RUNNING"]
    assert standing[2]["error"] == "Its container is gone; start makes it anew"
    (decision,) = await decisions(site, stopped)
    assert (decision["kind"], decision["action"]) == ("reconciliation", "correct")
    assert decision["reason"] == "its provider has stopped it"
    assert decision["inputs"]["status"] == "RUNNING"
    assert (decision["inputs"]["found"], decision["inputs"]["detail"]) == ("STOPPED", "Waiting")
    assert await decisions(site, well) == []
    summary = await last_comparison(site)
    assert summary.pop("compareTime")
    assert summary == {"provider": "local", "found": 3, "corrected": 3, "shown": 0, "orphans": 0}


async def test_settled_twice_it_changes_nothing_more(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()
    claimed = await begin(site, worker)
    await report(site, claimed, there(environment_id, RESTS))
    await end(site, claimed)
    before = await look(site.http, environment_id), await decisions(site, environment_id)

    await settle(site, claimed)
    await compare(site, worker, there(environment_id, RESTS))

    assert (await look(site.http, environment_id), await decisions(site, environment_id)) == before


async def test_what_runs_although_it_was_stopped_is_stopped(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()
    await asyncio.gather(site.http.post(f"{PATH}/{environment_id}/stop"), worker.work())

    await compare(site, worker, there(environment_id, RUNS))
    stopping = await look(site.http, environment_id)
    done = await worker.work()
    stopped = await look(site.http, environment_id)

    assert (stopping["status"], done.operation, stopped["status"]) == ("STOPPING", STOP, "STOPPED")
    (decision,) = await decisions(site, environment_id)
    assert (decision["action"], decision["taskId"]) == ("drive on", stopping["taskId"])


async def test_a_difference_is_shown_until_there_is_none(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()
    await asyncio.gather(site.http.post(f"{PATH}/{environment_id}/stop"), worker.work())

    await compare(site, worker)
    await compare(site, worker)
    missing = await look(site.http, environment_id)
    summary = await last_comparison(site)
    await compare(site, worker, there(environment_id, RESTS))
    back = await look(site.http, environment_id)

    assert missing["drift"] == "nothing of it is there any more; start makes it anew, without its files"
    assert (summary["shown"], summary["corrected"]) == (1, 0)
    assert "drift" not in back
    # Shown again and again it was decided once.
    assert [one["action"] for one in await decisions(site, environment_id)] == ["show"]


async def test_what_a_task_works_on_or_has_just_moved_is_left_alone(site: Site, worker: Worker) -> None:
    creating = (await create(site.http))["id"]
    operation = await worker.take()
    claimed = await begin(site, worker)
    await report(site, claimed)
    # It was not there when the provider was asked.
    finished = await worker.running()
    await end(site, claimed)

    assert (await look(site.http, creating))["status"] == "CREATING"
    assert (await look(site.http, finished))["status"] == "RUNNING"
    assert operation.payload.environment_id == creating


async def test_pages_of_an_attempt_add_up_and_replace_those_of_the_one_before(site: Site, worker: Worker) -> None:
    one, other = [await worker.running() for _ in range(2)]

    claimed = await begin(site, worker)
    await report(site, claimed, there(one, RESTS))
    await report(site, claimed, there(one, RUNS, "container"), first=True)
    await report(site, claimed, there(other), there(one, RESTS, "share"), first=False)
    await end(site, claimed)

    assert [(await look(site.http, each))["status"] for each in (one, other)] == ["RUNNING", "RUNNING"]
    assert (await last_comparison(site))["found"] == 2
    left = await site.database.read(lambda connection: connection.execute(sa.select(FOUND_ENVIRONMENTS)).all())
    assert left == []


async def test_of_what_a_list_does_not_tell_only_what_matters_is_asked_and_then_taken_together(
    site: Site, worker: Worker
) -> None:
    settled = await worker.running()
    site.clock.ahead += 3_600_000_000
    creating = (await create(site.http))["id"]
    await worker.take()

    claimed = await begin(site, worker)
    of_nobody = there("env-of-nobody", UNTOLD)
    wanted = await report(site, claimed, there(settled, UNTOLD), there(creating, UNTOLD), of_nobody)
    again = await report(site, claimed, there(settled, RESTS, "group"), first=False)
    await end(site, claimed)

    assert (wanted, again) == ([settled], [])
    assert (await look(site.http, settled))["status"] == "STOPPED"
    assert (await last_comparison(site))["found"] == 3
    orphans = (await site.http.get("/api/v1/environment-orphans")).json()["orphans"]
    assert [orphan["environmentId"] for orphan in orphans] == ["env-of-nobody"]


async def test_a_comparison_that_fails_changes_nothing_and_says_why(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()
    claimed = await begin(site, worker)
    await report(site, claimed, there(environment_id, RESTS))

    await worker.fail(claimed, "Azure does not answer")
    failed = await last_comparison(site)
    await compare(site, worker, there(environment_id))

    assert (await look(site.http, environment_id))["status"] == "RUNNING"
    assert (failed["error"], "compareTime" in failed) == ("Azure does not answer", False)
    assert "error" not in await last_comparison(site)


async def test_only_the_lease_of_a_comparison_reports(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()
    claimed = await begin(site, worker)
    stub = site.stub("environments.ProvisioningService")
    await create(site.http)
    operation = await worker.take()
    stale = pb.ReportFoundRequest(lease=claimed.lease, found=[there(environment_id)])
    stale.lease.fencing_token += 1
    wrong_kind = pb.ReportFoundRequest(lease=operation.lease, found=[there(environment_id)])
    nameless = pb.ReportFoundRequest(lease=claimed.lease, found=[there("")])

    codes = [(await refused(stub.ReportFound(one, metadata=site.worker)))[0] for one in (stale, wrong_kind, nameless)]

    assert codes == [
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.INVALID_ARGUMENT,
    ]


async def test_one_comparison_at_a_time_is_asked_for_and_only_by_admins(site: Site, worker: Worker) -> None:
    first = (await site.http.post(f"{PATH}:reconcile", json={})).json()["taskIds"]
    second = (await site.http.post(f"{PATH}:reconcile", json={})).json()["taskIds"]
    await Comparing(site.database, site.kernel, ["azure"], seconds=0.1).ask("local")
    async with site.client("developer") as client:
        forbidden = await client.post(f"{PATH}:reconcile", json={})

    assert (first, len(first)) == (second, 1)
    assert (await worker.take("compare_environments")).lease.task_id == first[0]
    assert await worker.claim("compare_environments") is None
    assert (forbidden.status_code, forbidden.json()["code"]) == (403, "FORBIDDEN")


async def test_comparisons_come_by_themselves_when_they_are_due(site: Site, worker: Worker) -> None:
    comparing = Comparing(site.database, site.kernel, ["local"], seconds=300)
    environment_id = await worker.running()

    await comparing.tick()
    claimed = await worker.take("compare_environments")
    await report(site, claimed, there(environment_id))
    await end(site, claimed)
    await comparing.tick()
    too_early = await worker.claim("compare_environments")
    site.clock.ahead += 301 * SECOND
    await comparing.tick()

    assert too_early is None
    assert await worker.claim("compare_environments") is not None


async def test_where_there_is_nothing_of_ours_no_machine_is_compared_but_every_cloud(
    site: Site, worker: Worker
) -> None:
    await Comparing(site.database, site.kernel, ["local"], seconds=300).tick()
    here = await worker.claim("compare_environments")
    await Comparing(site.database, site.kernel, ["azure"], seconds=300).tick()

    assert here is None
    assert await worker.claim("compare_environments") is not None


async def test_what_a_server_did_not_settle_before_its_end_is_settled_later(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()
    claimed = await begin(site, worker)
    await report(site, claimed, there(environment_id, RESTS))
    await worker.succeed(claimed)
    unsettled = await look(site.http, environment_id)
    site.clock.ahead += 61 * SECOND

    await Comparing(site.database, site.kernel, ["local"], seconds=300).tick()

    assert unsettled["status"] == "RUNNING"
    assert (await look(site.http, environment_id))["status"] == "STOPPED"


async def lose_tasks(site: Site) -> None:
    """Have every Task of an operation gone, as if somebody had deleted it by hand."""
    gone = sa.delete(TASKS).where(TASKS.c.kind == "provision_environment")
    await site.database.write(lambda connection: connection.execute(gone).close())


async def test_an_operation_that_is_lost_is_driven_on_once_and_then_given_up(site: Site, worker: Worker) -> None:
    environment_id = (await create(site.http))["id"]
    stuck = Stuck(site.database, site.kernel)

    await stuck.look()
    untouched = await decisions(site, environment_id)
    await lose_tasks(site)
    await stuck.look()
    again = await worker.take()
    await stuck.look()
    await lose_tasks(site)
    await stuck.look()

    environment = await look(site.http, environment_id)
    assert untouched == []
    assert again.payload.operation == CREATE
    assert (environment["status"], environment["error"]) == ("ERROR", "The work on it was lost twice")
    assert (await worker.take()).payload.operation == CLEAN_UP
    assert [one["action"] for one in await decisions(site, environment_id)] == ["give up", "drive on"]


async def test_a_deletion_that_is_lost_is_begun_again_until_it_is_gone(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()
    deleting = asyncio.create_task(site.http.delete(f"{PATH}/{environment_id}"))
    await worker.take()
    for _ in range(3):
        await lose_tasks(site)
        await Stuck(site.database, site.kernel).look()
        assert (await look(site.http, environment_id))["status"] == "DELETING"

    done = await worker.work()

    assert done.operation == DELETE
    assert (await site.http.get(f"{PATH}/{environment_id}")).status_code == 404
    await asyncio.gather(deleting, return_exceptions=True)


async def test_all_of_it_happens_by_itself(tmp_path: Path) -> None:
    async with serving(tmp_path / "data", ENVIRONMENT_RECONCILE_SECONDS="1") as site:
        worker = Worker(site)
        environment_id = await worker.running()

        async def is_stopped() -> bool:
            claimed = await worker.claim("compare_environments")
            if claimed is not None:
                await report(site, claimed, there(environment_id, RESTS))
                await worker.succeed(claimed)
            return bool((await look(site.http, environment_id))["status"] == "STOPPED")

        async with asyncio.timeout(10):
            while not await is_stopped():
                await asyncio.sleep(0.02)
