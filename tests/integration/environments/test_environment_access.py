"""Who meets which environments: their own, an admin all of a tenant, and nobody those of others."""

from typing import Any

import httpx

from tests.integration.environments.serving import BODY, PATH, Worker, create
from tests.integration.orchestrator.serving import Site

FOREIGN = [
    ("GET", ""),
    ("PATCH", ""),
    ("POST", "/start"),
    ("POST", "/stop"),
    ("DELETE", ""),
    ("GET", "/ports"),
    ("GET", "/cost"),
    ("GET", "/watch"),
]


async def total(http: httpx.AsyncClient, query: str = "") -> int:
    count: int = (await http.get(f"{PATH}{query}")).json()["total"]
    return count


async def test_who_is_no_admin_meets_only_their_own(site: Site, worker: Worker) -> None:
    others = await worker.running()
    async with site.client("operator") as anna, site.client("operator", tenant="acme") as acme:
        own = await create(anna)
        assert own["userId"] == "operator-all"

        for client in (anna, acme):
            for method, rest in FOREIGN:
                body: Any = {} if method == "PATCH" else None
                answer = await client.request(method, f"{PATH}/{others}{rest}", json=body)
                assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND"), (method, rest)
        assert (await acme.get(f"{PATH}/{own['id']}")).status_code == 404
        assert (await total(anna), await total(acme), await total(site.http)) == (1, 0, 2)
        # Whoever asks for somebody else's list gets their own.
        assert await total(anna, "?userId=default-user") == 1


async def test_who_is_no_admin_makes_environments_for_nobody_else(site: Site) -> None:
    async with site.client("operator") as anna:
        answer = await anna.post(PATH, json=BODY | {"userId": "somebody"})

        assert answer.status_code == 400
        assert answer.json()["message"].startswith("userId must be your own name")
        assert (await create(anna, userId="operator-all"))["userId"] == "operator-all"


async def test_an_admin_of_a_tenant_meets_those_of_that_tenant(site: Site) -> None:
    async with site.client("operator", tenant="acme") as anna, site.client("admin", tenant="acme") as admin:
        own = await create(anna)
        await create(site.http)

        listed = (await admin.get(PATH)).json()

        assert [one["id"] for one in listed["environments"]] == [own["id"]]
        assert (await create(admin, userId="operator-acme"))["userId"] == "operator-acme"
        assert (await create(admin))["userId"] == "admin-acme"
        assert await total(anna) == 2


async def test_without_a_credential_a_local_request_is_an_admins_and_others_are_refused(site: Site) -> None:
    made = await create(site.http, userId="somebody")

    local = await site.http.get(f"{PATH}/{made['id']}", headers={"x-api-key": ""})
    forwarded = await site.http.get(f"{PATH}/{made['id']}", headers={"x-api-key": "", "x-forwarded-for": "192.0.2.1"})

    assert local.status_code == 200
    assert (forwarded.status_code, forwarded.json()["code"]) == (401, "UNAUTHORIZED")


async def test_a_viewer_and_a_worker_are_not_let_in(site: Site) -> None:
    async with site.client("viewer") as viewer:
        answer = await viewer.get(PATH)
    worker = await site.http.get(PATH, headers={"x-api-key": "", "x-api-token": site.credentials.worker_token})

    assert (answer.status_code, worker.status_code) == (403, 403)
