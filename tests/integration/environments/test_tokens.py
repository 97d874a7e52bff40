"""What runs in an environment reports with a token of its own, which opens nothing else."""

import asyncio

import grpc
import httpx
import pytest

from server.environments import environment_store
from server.environments.environment_tokens import digest_of
from switchyard.environments.v1 import activity_service_pb2 as pb
from switchyard.environments.v1.provisioning_service_pb2 import GetEnvironmentPlanRequest
from tests.integration.environments.serving import PATH, Worker, create, look
from tests.integration.environments.test_activity import REPORT
from tests.integration.orchestrator.serving import Site, refused

# A request from another machine: no local request, which would need no credential.
ELSEWHERE = {"x-forwarded-for": "203.0.113.9", "x-api-key": ""}


async def with_token(site: Site, environment_id: str, token: str) -> dict[str, str]:
    """Give an environment a token and return the header of a supervisor in it."""
    await site.database.write(
        lambda connection: environment_store.update(
            connection, environment_store.require_locked(connection, environment_id), token_digest=digest_of(token)
        )
    )
    return ELSEWHERE | {"authorization": f"Bearer {token}"}


async def report(site: Site, environment_id: str, headers: dict[str, str]) -> httpx.Response:
    return await site.http.post(f"{PATH}/{environment_id}/activity", json=REPORT, headers=headers)


@pytest.mark.parametrize("header", ["authorization", "x-api-token"])
async def test_an_environment_reports_with_its_token(site: Site, worker: Worker, header: str) -> None:
    environment_id = await worker.running()
    await with_token(site, environment_id, "a-token")
    value = "Bearer a-token" if header == "authorization" else "a-token"

    answer = await report(site, environment_id, ELSEWHERE | {header: value})

    assert answer.status_code == 200, answer.text


async def test_over_grpc_too(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()
    await with_token(site, environment_id, "a-token")
    request = pb.ReportActivityRequest(environment_id=environment_id)
    request.snapshot.active_ide_connections = 1
    request.timestamp.GetCurrentTime()
    stub = site.stub("environments.ActivityService")

    answer = await stub.ReportActivity(request, metadata=(("authorization", "Bearer a-token"),))
    request.environment_id = "env-other"
    code, words = await refused(stub.ReportActivity(request, metadata=(("x-api-token", "a-token"),)))

    assert answer.environment_id == environment_id
    assert (code, words) == (
        grpc.StatusCode.PERMISSION_DENIED,
        f"Insufficient permissions. Environment {environment_id} only",
    )


async def test_the_token_that_its_worker_is_given_is_the_one(site: Site, worker: Worker) -> None:
    environment_id = (await create(site.http))["id"]
    claimed = await worker.take()
    provisioning = site.stub("environments.ProvisioningService")
    plan = await provisioning.GetEnvironmentPlan(GetEnvironmentPlanRequest(lease=claimed.lease), metadata=site.worker)

    answer = await report(site, environment_id, ELSEWHERE | {"x-api-token": plan.secrets["ENVIRONMENT_TOKEN"]})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "forged",
    [
        {"authorization": "Bearer b-token"},
        {"authorization": "Bearer "},
        {"authorization": "a-token"},
        {"authorization": "Basic YS10b2tlbg=="},
        {"x-api-token": "b-token"},
        {"x-api-token": digest_of("a-token")},
        {"authorization": f"Bearer {digest_of('a-token')}"},
        {"authorization": "Bearer a-token'--"},
        {},
    ],
)
async def test_a_forged_token_is_refused(site: Site, worker: Worker, forged: dict[str, str]) -> None:
    environment_id = await worker.running()
    await with_token(site, environment_id, "a-token")

    answer = await report(site, environment_id, ELSEWHERE | forged)

    assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED"), answer.text


async def test_the_token_of_another_environment_is_refused_from_this_machine_too(site: Site, worker: Worker) -> None:
    mine, other = await worker.running(name="mine"), await worker.running(name="other")
    headers = await with_token(site, mine, "a-token")
    here = {"authorization": headers["authorization"], "x-api-key": ""}

    answers = [await report(site, other, sent) for sent in (headers, here)]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].json()["message"] == f"Insufficient permissions. Environment {mine} only"
    assert (await report(site, "env-nobody", headers)).status_code == 403


async def test_the_token_opens_nothing_else(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()
    headers = await with_token(site, environment_id, "a-token")
    one = f"{PATH}/{environment_id}"
    calls: list[tuple[str, str]] = [
        ("GET", one),
        ("GET", PATH),
        ("DELETE", one),
        ("POST", f"{one}/stop"),
        ("GET", f"{one}/decisions"),
        ("DELETE", f"{one}/keep-awake"),
        ("GET", f"{one}/schedules"),
        ("GET", "/api/v1/users"),
        ("GET", "/api/bot-instances"),
    ]

    answers = [await site.http.request(method, path, headers=headers) for method, path in calls]

    assert {answer.status_code for answer in answers} == {403}
    assert (await look(site.http, environment_id))["status"] == "RUNNING"


async def test_a_token_ends_with_its_environment(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()
    headers = await with_token(site, environment_id, "a-token")
    deleting = asyncio.create_task(site.http.delete(f"{PATH}/{environment_id}"))
    claimed = await worker.take()
    during = await report(site, environment_id, headers)
    await worker.succeed(claimed)

    assert (await deleting).status_code == 200
    assert during.status_code == 200
    assert (await report(site, environment_id, headers)).status_code == 401


async def test_the_digest_of_a_token_is_nowhere_to_be_read(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()
    await with_token(site, environment_id, "a-token")

    answer = await site.http.get(f"{PATH}/{environment_id}")

    assert "token" not in answer.text.lower()
