"""Idempotency keys: the same request again gives the first answer again, but never a password."""

import asyncio

from tests.integration.environments.serving import BODY, PATH, Worker
from tests.integration.orchestrator.serving import Site

DIALECTS = ["sqlite", "postgresql"]
KEY = {"idempotency-key": "k-1"}


async def test_a_creation_that_is_repeated_makes_one_environment(site: Site) -> None:
    answers = await asyncio.gather(*(site.http.post(PATH, json=BODY, headers=KEY) for _ in range(3)))

    assert [answer.status_code for answer in answers] == [201] * 3
    assert len({answer.json()["environment"]["id"] for answer in answers}) == 1
    # The password is told once.
    assert sum("generatedPassword" in answer.json() for answer in answers) == 1
    assert (await site.http.get(PATH)).json()["total"] == 1


async def test_a_key_that_comes_with_another_secret_is_refused(site: Site) -> None:
    await site.http.post(PATH, json=BODY | {"codeServerPassword": "one"}, headers=KEY)

    again = await site.http.post(PATH, json=BODY | {"codeServerPassword": "one"}, headers=KEY)
    other = await site.http.post(PATH, json=BODY | {"codeServerPassword": "other"}, headers=KEY)

    assert (again.status_code, other.status_code) == (201, 409)


async def test_a_start_that_is_repeated_gives_the_first_answer(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()
    await asyncio.gather(site.http.post(f"{PATH}/{environment_id}/stop"), worker.work())
    start = f"{PATH}/{environment_id}/start"

    async def fail() -> None:
        await worker.fail(await worker.take(), "failed to start the environment at Azure")

    first, _ = await asyncio.gather(site.http.post(start, headers=KEY), fail())
    again = await site.http.post(start, headers=KEY)

    assert (first.status_code, first.json()["message"]) == (500, "failed to start the environment at Azure")
    assert (again.status_code, again.json()) == (500, first.json())
    # Nothing was begun a second time.
    assert await worker.claim() is None
