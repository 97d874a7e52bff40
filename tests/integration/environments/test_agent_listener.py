"""The listener of the environments API: what it says of itself, and how every refusal on it looks."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from server import main
from server.clock import now_micros
from server.database.database import open_database
from server.environments.agent_service import AgentService
from server.errors import Unavailable
from server.parts import VERSION
from switchyard.environments.v1.agent_service_pb2 import GetAgentReadinessRequest
from tests.integration.database.databases import USUAL_DIALECT, database_url
from tests.integration.environments.serving import BODY, PATH, Worker
from tests.integration.orchestrator.serving import Site, serving

ORIGIN = "https://dev8.dev"
NOT_FOUND = {"error": "Resource not found", "message": "Not Found", "code": "NOT_FOUND"}


@pytest.fixture
async def site(dialect: str, tmp_path: Path) -> AsyncIterator[Site]:
    """Serve everything, also to pages of another origin."""
    async with serving(tmp_path / "data", dialect=dialect, background=False, CORS_ALLOWED_ORIGINS=ORIGIN) as served:
        yield served


@asynccontextmanager
async def listener(site: Site, name: str) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of a listener, who has no credential and is on this machine."""
    fronts = {front.variable: front.app for front in main.make_gateways(site.config, site.credentials, site.parts)}
    gateway = fronts[{"main": "PORT", "agent": "AGENT_PORT"}[name]]
    transport = httpx.ASGITransport(gateway, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        yield client
    await gateway.close()


@pytest.fixture
async def agent(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    async with listener(site, "agent") as client:
        yield client


# Source: the description of the API, but for the version, which is ours.
DOCUMENTED: dict[str, Any] = {
    "/ready": {"status": "ready"},
    "/live": {"status": "alive"},
    "/": {
        "service": "dev8-agent",
        "version": VERSION,
        "status": "running",
        "endpoints": {"health": "/health", "api": "/api/v1"},
    },
}


async def test_it_answers_as_documented(agent: httpx.AsyncClient) -> None:
    answers = {path: await agent.get(path) for path in DOCUMENTED}

    assert {path: answer.json() for path, answer in answers.items()} == DOCUMENTED
    assert {answer.headers["content-type"] for answer in answers.values()} == {"application/json"}


async def test_its_health_tells_since_when_it_runs(site: Site, agent: httpx.AsyncClient) -> None:
    site.clock.ahead += (2 * 3_600 + 15 * 60) * 1_000_000

    health = (await agent.get("/health")).json()

    assert re.fullmatch(r"2h15m\d+s", health.pop("uptime"))
    assert health == {"status": "healthy", "service": "dev8-agent", "version": VERSION}


async def test_it_is_not_ready_while_the_database_does_not_answer(tmp_path: Path) -> None:
    database = await open_database(database_url(USUAL_DIALECT, tmp_path))
    service = AgentService(database, now_micros, version="1", start_time=0)
    await database.close()

    with pytest.raises(Unavailable):
        await service.GetAgentReadiness(GetAgentReadinessRequest(), None)  # type: ignore[arg-type]


async def test_environments_are_served_on_both_listeners(site: Site, agent: httpx.AsyncClient) -> None:
    made = (await agent.post(PATH, json=BODY)).json()["environment"]

    async with listener(site, "main") as client:
        assert (await client.get(f"{PATH}/{made['id']}")).json()["environment"]["id"] == made["id"]
        assert (await client.get("/live")).status_code == 404


async def test_what_is_not_there_is_refused_in_the_words_of_this_api(agent: httpx.AsyncClient) -> None:
    for path in ("/nowhere", "/api", f"{PATH}/env-a/nothing", "/api/v1/workflows", "/live/"):
        answer = await agent.get(path)

        assert (answer.status_code, answer.json()) == (404, NOT_FOUND), path


async def test_a_wrong_method_and_a_large_body_are_invalid_requests(agent: httpx.AsyncClient) -> None:
    wrong = await agent.delete("/health")
    large = await agent.post(PATH, content=b" " * (10 * 1024 * 1024 + 1), headers={"content-type": "application/json"})

    assert (wrong.status_code, wrong.json()["code"], wrong.headers["allow"]) == (
        405,
        "INVALID_REQUEST",
        "GET, HEAD, OPTIONS",
    )
    assert (large.status_code, large.json()["code"]) == (413, "INVALID_REQUEST")


@pytest.mark.parametrize("name", ["main", "agent"])
async def test_refusals_on_both_listeners_have_phrase_sentence_and_code(site: Site, name: str) -> None:
    async with listener(site, name) as client:
        missing = await client.get(f"{PATH}/env-xyz")
        broken = await client.post(PATH, content=b"{", headers={"content-type": "application/json"})
        elsewhere = await client.get(f"{PATH}/env-xyz/nothing")

    # Source: the examples of the API's description.
    message = "environment with ID 'env-xyz' not found"
    assert (missing.status_code, missing.json()) == (404, NOT_FOUND | {"message": message})
    assert (broken.status_code, broken.json()["error"], broken.json()["code"]) == (
        400,
        "Invalid request",
        "INVALID_REQUEST",
    )
    assert (elsewhere.status_code, elsewhere.json()) == (404, NOT_FOUND)


async def test_a_provider_that_cannot_is_an_environment_error(
    site: Site, worker: Worker, agent: httpx.AsyncClient
) -> None:
    environment_id = await worker.running()

    async def fail() -> None:
        await worker.fail(await worker.take(), "failed to stop the environment at Azure")

    answer, _ = await asyncio.gather(agent.post(f"{PATH}/{environment_id}/stop"), fail())

    assert answer.status_code == 500
    assert answer.json() == {
        "error": "Internal server error",
        "message": "failed to stop the environment at Azure",
        "code": "ENVIRONMENT_ERROR",
    }


@pytest.mark.parametrize("name", ["main", "agent"])
async def test_pages_of_listed_origins_may_call_both_listeners(site: Site, name: str) -> None:
    preflight = {"origin": ORIGIN, "access-control-request-method": "DELETE"}
    async with listener(site, name) as client:
        asked = await client.options(f"{PATH}/env-a", headers=preflight)
        foreign = await client.options(f"{PATH}/env-a", headers=preflight | {"origin": "https://elsewhere.example"})
        read = await client.get(PATH, headers={"origin": ORIGIN})

    assert asked.headers["access-control-allow-origin"] == ORIGIN
    assert "DELETE" in asked.headers["access-control-allow-methods"]
    assert "access-control-allow-origin" not in foreign.headers
    assert (read.status_code, read.headers["access-control-allow-origin"]) == (200, ORIGIN)


async def test_its_description_has_the_words_of_its_refusals(site: Site, agent: httpx.AsyncClient) -> None:
    document = (await agent.get("/openapi.json", headers={"x-api-key": site.credentials.api_key})).json()

    refusals = document["paths"][f"{PATH}/{{id}}/start"]["post"]["responses"]
    examples = {status: refusals[status]["content"]["application/json"]["example"] for status in ("404", "500")}
    assert (examples["404"]["error"], examples["404"]["code"]) == ("Resource not found", "NOT_FOUND")
    assert (examples["500"]["error"], examples["500"]["code"]) == ("Internal server error", "ENVIRONMENT_ERROR")
