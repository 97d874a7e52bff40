"""What a provider has of ours that belongs to no environment is listed, and can be removed."""

import asyncio
from typing import Any

from server.clock import SECOND
from switchyard.environments.v1.provisioning_service_pb2 import ProvisionEnvironment
from tests.integration.environments.comparison import RESTS, begin, compare, end, last_comparison, report, there
from tests.integration.environments.serving import PATH, Worker
from tests.integration.orchestrator.serving import Site

DIALECTS = ["sqlite", "postgresql"]

ORPHANS = "/api/v1/environment-orphans"


async def listed(site: Site, **query: Any) -> list[dict[str, Any]]:
    answer = await site.http.get(ORPHANS, params=query)
    assert answer.status_code == 200, answer.text
    orphans: list[dict[str, Any]] = answer.json()["orphans"]
    return orphans


async def test_what_belongs_to_no_environment_is_listed_while_it_is_there(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()

    await compare(site, worker, there(environment_id), there("env-lost", RESTS, "file share"))
    first = await listed(site)
    site.clock.ahead += SECOND
    await compare(
        site, worker, there(environment_id), there("env-lost", RESTS, "file share", "container"), there("env-x")
    )
    second = await listed(site)
    summary = await last_comparison(site)
    await compare(site, worker, there(environment_id))

    assert [(one["provider"], one["environmentId"], one["resources"]) for one in first] == [
        ("local", "env-lost", ["file share"])
    ]
    assert [one["environmentId"] for one in second] == ["env-lost", "env-x"]
    assert second[0] == first[0] | {"resources": ["file share", "container"]}
    assert summary["orphans"] == 2
    assert await listed(site) == []


async def test_an_orphan_is_removed_where_it_is(site: Site, worker: Worker) -> None:
    await compare(site, worker, there("env-lost"))

    task_id = (await site.http.delete(f"{ORPHANS}/local/env-lost")).json()["taskId"]
    again = (await site.http.delete(f"{ORPHANS}/local/env-lost")).json()["taskId"]
    meanwhile = await listed(site)
    # A comparison does not lose sight of it before it is gone.
    await compare(site, worker, there("env-lost"))
    during = await listed(site)
    removal = await worker.take()
    await worker.succeed(removal)

    assert (again, removal.lease.task_id) == (task_id, task_id)
    assert removal.payload == ProvisionEnvironment(
        environment_id="env-lost",
        operation=ProvisionEnvironment.OPERATION_DELETE,
        provider="local",
        region="eastus",
    )
    assert meanwhile[0]["taskId"] == task_id
    assert during == meanwhile
    assert await listed(site) == []


async def test_a_removal_that_fails_can_be_asked_for_again(site: Site, worker: Worker) -> None:
    await compare(site, worker, there("env-lost"))
    first = (await site.http.delete(f"{ORPHANS}/local/env-lost")).json()["taskId"]

    await worker.fail(await worker.take())
    (left,) = await listed(site)
    second = (await site.http.delete(f"{ORPHANS}/local/env-lost")).json()["taskId"]

    assert "taskId" not in left
    assert second != first


async def test_what_is_deleted_while_the_provider_tells_is_no_orphan(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()
    claimed = await begin(site, worker)
    await report(site, claimed, there(environment_id))

    deleted, _ = await asyncio.gather(site.http.delete(f"{PATH}/{environment_id}"), worker.work())
    await end(site, claimed)

    assert deleted.status_code == 200
    assert await listed(site) == []


async def test_only_admins_see_and_remove_orphans_and_only_those_there_are(site: Site, worker: Worker) -> None:
    await compare(site, worker, there("env-lost"))

    missing = [await site.http.delete(f"{ORPHANS}/{name}") for name in ("local/env-none", "azure/env-lost")]
    async with site.client("developer") as client:
        refusals = [await client.get(ORPHANS), await client.delete(f"{ORPHANS}/local/env-lost")]

    assert [(one.status_code, one.json()["error"]) for one in missing] == [(404, "Resource not found")] * 2
    assert [one.status_code for one in refusals] == [403, 403]
    assert await worker.claim() is None


async def test_orphans_come_in_pages(site: Site, worker: Worker) -> None:
    await compare(site, worker, *(there(f"env-{number}") for number in range(3)))

    first = (await site.http.get(ORPHANS, params={"pageSize": 2})).json()
    second = (await site.http.get(ORPHANS, params={"pageSize": 2, "pageToken": first["nextPageToken"]})).json()

    assert [one["environmentId"] for one in first["orphans"] + second["orphans"]] == ["env-0", "env-1", "env-2"]
    assert second["nextPageToken"] == ""
