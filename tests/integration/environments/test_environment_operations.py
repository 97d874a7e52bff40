"""Operations that meet, break off and fail, over both databases: there two units of work wait for one another."""

import asyncio

import pytest

from server.environments.lifecycle import DELETE
from switchyard.environments.v1.provisioning_service_pb2 import ProvisionEnvironment
from tests.integration.environments.serving import BODY, PATH, Worker, create, look
from tests.integration.orchestrator.serving import Site

DIALECTS = ["sqlite", "postgresql"]
Operation = ProvisionEnvironment


async def test_a_creation_that_fails_leaves_an_error_and_is_cleaned_up(site: Site, worker: Worker) -> None:
    environment_id = (await create(site.http))["id"]

    await worker.fail(await worker.take())

    there = await look(site.http, environment_id)
    assert (there["status"], there["error"]) == ("ERROR", "The provider's quota does not allow it")
    assert (await worker.work()).operation == Operation.OPERATION_CLEAN_UP
    assert (await look(site.http, environment_id))["status"] == "ERROR"


async def test_of_two_starts_at_once_one_wins(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()
    await asyncio.gather(site.http.post(f"{PATH}/{environment_id}/stop"), worker.work())

    starts = asyncio.gather(*(site.http.post(f"{PATH}/{environment_id}/start") for _ in range(4)))
    answers, _ = await asyncio.gather(starts, worker.work())

    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]
    refusal = next(answer for answer in answers if answer.status_code == 400).json()
    assert refusal == {
        "error": "Invalid request",
        "message": "environment cannot be started while it is STARTING",
        "code": "INVALID_REQUEST",
    }


@pytest.mark.usefixtures("nobody_waits")
async def test_a_delete_breaks_off_what_is_at_work_and_follows_it(site: Site, worker: Worker) -> None:
    environment_id = (await create(site.http))["id"]
    creating = await worker.take()

    assert (await site.http.delete(f"{PATH}/{environment_id}")).status_code == 200

    assert (await look(site.http, environment_id))["status"] == "DELETING"
    # Nobody else works on it before the worker has let go.
    assert await worker.claim() is None
    await worker.succeed(creating)
    assert (await look(site.http, environment_id))["status"] == "DELETING"
    assert (await worker.work()).operation == DELETE
    assert (await site.http.get(f"{PATH}/{environment_id}")).status_code == 404


@pytest.mark.usefixtures("nobody_waits")
async def test_a_delete_before_anybody_began_leaves_one_task(site: Site, worker: Worker) -> None:
    environment_id = (await create(site.http))["id"]

    await site.http.delete(f"{PATH}/{environment_id}")

    assert (await worker.work()).operation == DELETE
    assert await worker.claim() is None


@pytest.mark.usefixtures("nobody_waits")
async def test_who_deletes_twice_has_it_deleted_once(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()

    task_ids = set()
    for _ in range(2):
        assert (await site.http.delete(f"{PATH}/{environment_id}")).status_code == 200
        task_ids.add((await look(site.http, environment_id))["taskId"])

    claimed = await worker.take()
    await site.http.delete(f"{PATH}/{environment_id}")
    assert task_ids == {claimed.lease.task_id, (await look(site.http, environment_id))["taskId"]}
    assert await worker.claim() is None


async def test_a_delete_that_fails_is_begun_again_until_it_is_gone(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()

    async def fail() -> None:
        await worker.fail(await worker.take())

    for wait in (30, 60, 120):
        if wait == 30:
            answer, _ = await asyncio.gather(site.http.delete(f"{PATH}/{environment_id}"), fail())
            assert answer.status_code == 500
        else:
            await fail()
        assert (await look(site.http, environment_id))["status"] == "DELETING"
        site.clock.ahead += (wait - 2) * 1_000_000
        assert await worker.claim() is None
        site.clock.ahead += 2_000_000

    assert (await worker.work()).operation == DELETE
    assert (await site.http.get(f"{PATH}/{environment_id}")).status_code == 404


async def test_of_those_who_want_the_last_one_at_once_one_gets_it(site: Site) -> None:
    limit = {"limit": {"environments": 1}}
    assert (await site.http.put("/api/v1/environment-quotas/anna", json=limit)).status_code == 200

    answers = await asyncio.gather(*(site.http.post(PATH, json=BODY | {"userId": "anna"}) for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) == [201, 400, 400, 400]


async def test_who_calls_at_the_same_time_is_not_taken_for_somebody_else(site: Site, worker: Worker) -> None:
    others = await worker.running()
    async with site.client("operator") as anna:
        mine = asyncio.gather(*(create(anna) for _ in range(5)))
        theirs = asyncio.gather(*(create(site.http) for _ in range(5)))
        taken = asyncio.gather(*(anna.post(f"{PATH}/{others}/stop") for _ in range(5)))
        own, foreign, refusals = await asyncio.gather(mine, theirs, taken)

    assert {one["userId"] for one in own} == {"operator-all"}
    assert {one["userId"] for one in foreign} == {"default-user"}
    assert [answer.status_code for answer in refusals] == [404] * 5
