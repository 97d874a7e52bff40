"""Environments over HTTP: made, looked at, started, stopped and deleted, as their description has it."""

import asyncio
from typing import Any

import pytest

from server.environments import operation_ends
from switchyard.environments.v1.provisioning_service_pb2 import ProvisionEnvironment, ProvisionEnvironmentResult
from tests.integration.environments.serving import BODY, IDE_URL, PATH, Worker, create, look
from tests.integration.orchestrator.serving import Site

Operation = ProvisionEnvironment

NO_SUCH = {
    "error": "Resource not found",
    "message": "environment with ID 'env-xyz' not found",
    "code": "NOT_FOUND",
}


async def test_one_is_made_stopped_started_and_deleted(site: Site, worker: Worker) -> None:
    answer = await site.http.post(PATH, json=BODY)

    assert answer.status_code == 201
    assert answer.json()["message"] == "Environment created successfully"
    made = answer.json()["environment"]
    assert {name: made[name] for name in BODY} == BODY
    assert (made["status"], made["userId"], made["provider"]) == ("CREATING", "default-user", "local")
    assert made["createdAt"] == made["updatedAt"] == made["lastAccessedAt"]
    assert made["step"]["name"] == "waiting for its turn"
    assert not {"vsCodeUrl", "error", "templateId", "resourceId", "keepAwakeReason"} & set(made)

    claimed = await worker.take()
    assert claimed.payload == ProvisionEnvironment(
        environment_id=made["id"], operation=Operation.OPERATION_CREATE, provider="local", region="eastus"
    )
    await worker.progress(claimed, "creating the file share", 0.25)
    step = (await look(site.http, made["id"]))["step"]
    assert (step["name"], step["fraction"]) == ("creating the file share", 0.25)
    await worker.succeed(claimed)

    there = await look(site.http, made["id"])
    assert (there["status"], there["vsCodeUrl"], "step" in there) == ("RUNNING", IDE_URL, False)
    assert there["lastAccessedAt"] > made["lastAccessedAt"]

    for verb, past, status in (("stop", "stopped", "STOPPED"), ("start", "started", "RUNNING")):
        answer, _ = await asyncio.gather(site.http.post(f"{PATH}/{made['id']}/{verb}"), worker.work())
        assert answer.status_code == 200
        assert answer.json() == {"message": f"Environment {past} successfully", "id": made["id"]}
        assert (await look(site.http, made["id"]))["status"] == status

    answer, _ = await asyncio.gather(site.http.delete(f"{PATH}/{made['id']}"), worker.work())
    assert (answer.status_code, answer.json()) == (
        200,
        {"message": "Environment deleted successfully", "id": made["id"]},
    )
    assert (await site.http.get(f"{PATH}/{made['id']}")).status_code == 404


async def test_what_is_not_there_is_said_in_the_documented_words(site: Site) -> None:
    path = f"{PATH}/env-xyz"
    answers = {
        "get": await site.http.get(path),
        "start": await site.http.post(f"{path}/start"),
        "stop": await site.http.post(f"{path}/stop"),
        "delete": await site.http.delete(path),
        "update": await site.http.patch(path, json={}),
        "ports": await site.http.get(f"{path}/ports"),
        "cost": await site.http.get(f"{path}/cost"),
    }

    assert {name: (answer.status_code, answer.json()) for name, answer in answers.items()} == dict.fromkeys(
        answers, (404, NO_SUCH)
    )


async def test_the_list_is_paged_newest_first(site: Site) -> None:
    ids = [(await create(site.http, userId=f"user-{number % 2}"))["id"] for number in range(5)][::-1]

    async def page(query: str) -> dict[str, Any]:
        answer: dict[str, Any] = (await site.http.get(f"{PATH}?{query}")).json()
        return answer | {"environments": [one["id"] for one in answer["environments"]]}

    assert await page("") == {"environments": ids, "total": 5, "page": 1, "pageSize": 20}
    assert await page("page=2&pageSize=2") == {"environments": ids[2:4], "total": 5, "page": 2, "pageSize": 2}
    assert await page("page=9") == {"environments": [], "total": 5, "page": 9, "pageSize": 20}
    # Source: the decisions on the API: above 100 is 100.
    assert (await page("pageSize=1000"))["pageSize"] == 100
    assert await page("userId=user-1") == {"environments": ids[1::2], "total": 2, "page": 1, "pageSize": 20}
    assert (await page("status=CREATING"))["total"] == 5
    assert (await page("status=RUNNING"))["environments"] == []


async def test_the_list_shows_what_one_environment_shows(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()

    listed = (await site.http.get(PATH)).json()["environments"]

    assert listed == [await look(site.http, environment_id)]


async def test_an_operation_that_fails_is_answered_with_its_sentence(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()

    async def fail() -> None:
        await worker.fail(await worker.take(), "failed to stop the environment at Azure")

    answer, _ = await asyncio.gather(site.http.post(f"{PATH}/{environment_id}/stop"), fail())

    assert answer.status_code == 500
    assert answer.json() == {
        "error": "Internal server error",
        "message": "failed to stop the environment at Azure",
        "code": "ENVIRONMENT_ERROR",
    }
    assert (await look(site.http, environment_id))["status"] == "ERROR"


@pytest.mark.usefixtures("nobody_waits")
async def test_what_cannot_be_done_where_it_stands_is_refused(site: Site, worker: Worker) -> None:
    environment_id = (await create(site.http))["id"]
    path = f"{PATH}/{environment_id}"

    async def refusals() -> list[str]:
        answers = [await site.http.post(f"{path}/{verb}") for verb in ("start", "stop")]
        return [answer.json()["message"] for answer in answers if answer.status_code == 400]

    start, stop = "environment cannot be started while it is", "environment cannot be stopped while it is"
    assert await refusals() == [f"{start} CREATING", f"{stop} CREATING"]
    await worker.work()
    assert (await site.http.post(f"{path}/start")).json()["message"] == f"{start} RUNNING"
    assert (await site.http.post(f"{path}/stop")).status_code == 200
    assert await refusals() == [f"{start} STOPPING", f"{stop} STOPPING"]
    await worker.work()
    assert (await site.http.post(f"{path}/stop")).json()["message"] == f"{stop} STOPPED"
    assert (await site.http.delete(path)).status_code == 200
    assert await refusals() == [f"{start} DELETING", f"{stop} DELETING"]


async def test_its_name_and_its_limits_can_be_changed(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()
    before = await look(site.http, environment_id)

    change = {"name": "yours", "autoStopMinutes": 0, "maxRunMinutes": 90}
    answer = await site.http.patch(f"{PATH}/{environment_id}", json=change)

    assert answer.status_code == 200
    after = answer.json()["environment"]
    assert after == before | change | {"updatedAt": after["updatedAt"]}
    assert after["updatedAt"] > before["updatedAt"]
    nothing = await site.http.patch(f"{PATH}/{environment_id}", json={})
    assert nothing.json()["environment"] == after


async def test_its_ports_are_listed_the_editor_first(site: Site, worker: Worker) -> None:
    creating = (await create(site.http))["id"]
    assert (await site.http.get(f"{PATH}/{creating}/ports")).json() == {"ports": []}
    await worker.work()

    ports = (await site.http.get(f"{PATH}/{creating}/ports")).json()["ports"]

    assert ports == [{"name": "ide", "port": 8443, "url": IDE_URL}, {"name": "ssh", "port": 2222}]


async def test_nobody_waits_for_the_end_once_the_server_stops(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()
    stopping = asyncio.create_task(site.http.post(f"{PATH}/{environment_id}/stop"))
    await worker.take()

    for close in site.parts.closing:
        close()

    async with asyncio.timeout(operation_ends.WAIT_SECONDS / 2):
        answer = await stopping
    assert (answer.status_code, (await look(site.http, environment_id))["status"]) == (200, "STOPPING")


async def test_a_result_without_an_editor_is_no_address(site: Site, worker: Worker) -> None:
    environment_id = (await create(site.http))["id"]

    await worker.succeed(await worker.take(), ProvisionEnvironmentResult(resource_id="r-1"))

    there = await look(site.http, environment_id)
    assert ("vsCodeUrl" in there, there["resourceId"]) == (False, "r-1")
