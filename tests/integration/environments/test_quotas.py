"""What users may have at most, counted from the environments there are."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.integration.environments.serving import BODY, PATH, Worker, create
from tests.integration.orchestrator.serving import Site

QUOTAS = "/api/v1/environment-quotas"
DEFAULT = {"environments": 10}


async def set_quota(http: httpx.AsyncClient, user_id: str, **limit: int) -> None:
    answer = await http.put(f"{QUOTAS}/{user_id}", json={"limit": limit})
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"userId": user_id, "limit": limit}


async def quota(http: httpx.AsyncClient, user_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = (await http.get(f"{QUOTAS}/{user_id}")).json()
    return answer


async def test_a_user_has_the_quota_of_the_server_until_an_admin_sets_one(site: Site) -> None:
    unused = {"environments": 0, "cpuCores": 0, "memoryGB": 0, "storageGB": 0}
    assert await quota(site.http, "anna") == {"userId": "anna", "limit": DEFAULT, "used": unused, "default": True}

    await set_quota(site.http, "anna", environments=2, storageGB=100)
    await set_quota(site.http, "anna", environments=3)
    await create(site.http, userId="anna")

    used = {"environments": 1, "cpuCores": 2, "memoryGB": 4, "storageGB": 20}
    expected = {"userId": "anna", "limit": {"environments": 3}, "used": used, "default": False}
    assert await quota(site.http, "anna") == expected
    for _ in range(2):
        assert (await site.http.delete(f"{QUOTAS}/anna")).status_code == 200
    assert (await quota(site.http, "anna"))["default"] is True


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ({"environments": 1}, "allows 1 environments, and this would make 2"),
        ({"cpuCores": 3}, "allows 3 processor cores in environments that are not STOPPED, and this would make 4"),
        ({"memoryGB": 7}, "allows 7 GB of memory in environments that are not STOPPED, and this would make 8"),
        ({"storageGB": 39}, "allows 39 GB of storage, and this would make 40"),
    ],
)
async def test_more_than_the_quota_is_refused(site: Site, limit: dict[str, int], words: str) -> None:
    await set_quota(site.http, "anna", **limit)
    await create(site.http, userId="anna")

    answer = await site.http.post(PATH, json=BODY | {"userId": "anna"})

    assert answer.status_code == 400
    assert answer.json()["message"] == f"the quota of user 'anna' {words}"
    # What it is refused to one is free to another.
    await create(site.http, userId="berta")


async def test_what_is_stopped_takes_no_processor_until_it_is_started_again(site: Site, worker: Worker) -> None:
    first = await worker.running(userId="anna")
    await set_quota(site.http, "anna", cpuCores=2)
    await asyncio.gather(site.http.post(f"{PATH}/{first}/stop"), worker.work())
    await create(site.http, userId="anna")

    answer = await site.http.post(f"{PATH}/{first}/start")

    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")
    assert "processor cores" in answer.json()["message"]


@pytest.mark.usefixtures("nobody_waits")
async def test_what_is_being_deleted_counts_until_it_is_gone(site: Site, worker: Worker) -> None:
    await set_quota(site.http, "anna", environments=1)
    environment_id = await worker.running(userId="anna")

    await site.http.delete(f"{PATH}/{environment_id}")
    assert (await site.http.post(PATH, json=BODY | {"userId": "anna"})).status_code == 400
    await worker.work()

    await create(site.http, userId="anna")


async def test_only_an_admin_sets_quotas_and_sees_those_of_others(site: Site) -> None:
    async with site.client("operator") as anna:
        assert (await anna.get(f"{QUOTAS}/operator-all")).json()["limit"] == DEFAULT
        assert (await anna.get(f"{QUOTAS}/somebody")).status_code == 404
        assert (await anna.put(f"{QUOTAS}/operator-all", json={"limit": {}})).status_code == 403
    assert (await site.http.put(f"{QUOTAS}/anna", json={"limit": {"environments": -1}})).status_code == 400
    assert (await site.http.put(f"{QUOTAS}/anna", json={})).status_code == 400


async def test_an_admin_of_a_tenant_sees_and_sets_the_quotas_of_its_users(site: Site) -> None:
    async with site.client("operator", tenant="acme"), site.client("admin", tenant="acme") as admin:
        await set_quota(admin, "operator-acme", environments=1)

        assert (await quota(admin, "operator-acme"))["limit"] == {"environments": 1}
        limit = {"limit": {"environments": 0}}
        answers = [
            await admin.put(f"{QUOTAS}/operator-all", json=limit),
            await admin.put(f"{QUOTAS}/default-user", json=limit),
            await admin.get(f"{QUOTAS}/operator-all"),
            await admin.delete(f"{QUOTAS}/operator-all"),
        ]
        assert [answer.status_code for answer in answers] == [404] * 4


async def test_what_a_tenant_has_is_not_counted_against_the_same_name_elsewhere(site: Site) -> None:
    await set_quota(site.http, "anna", environments=1)
    async with site.client("admin", tenant="acme") as admin:
        await create(admin, userId="anna")

    await create(site.http, userId="anna")

    assert (await quota(site.http, "anna"))["used"]["environments"] == 2
