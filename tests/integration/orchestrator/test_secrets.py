"""Secrets as people meet them: set, listed, deleted, and never seen again."""

from typing import Any

import pytest
import sqlalchemy as sa

from server.orchestrator.secrets import secret_store
from server.orchestrator.tables import WORKFLOW_SECRETS
from tests.integration.orchestrator.serving import Site

VALUE = "the-value-of-a-secret"


async def test_a_secret_is_listed_by_name_and_its_value_is_never_returned(site: Site) -> None:
    made = await site.http.put("/api/v1/secrets/mail", json={"value": VALUE})
    await site.http.put("/api/v1/secrets/api_key", json={"value": "another"})

    listed = await site.http.get("/api/v1/secrets")

    assert made.status_code == listed.status_code == 200
    assert set(made.json()) == {"name", "created_at", "updated_at", "updated_by"}
    assert [one["name"] for one in listed.json()["secrets"]] == ["api_key", "mail"]
    assert VALUE not in made.text + listed.text


async def test_a_second_value_replaces_the_first_and_tells_when_and_by_whom(site: Site) -> None:
    first = (await site.http.put("/api/v1/secrets/mail", json={"value": "old"})).json()
    site.clock.ahead += 1_000_000
    async with site.client("developer") as developer:
        second = (await developer.put("/api/v1/secrets/mail", json={"value": VALUE})).json()

    assert second["created_at"] == first["created_at"]
    assert second["updated_at"] > first["updated_at"]
    assert (first["updated_by"], second["updated_by"]) == ("api-key", "developer-all")


async def test_a_deleted_secret_is_gone(site: Site) -> None:
    await site.http.put("/api/v1/secrets/mail", json={"value": VALUE})

    answers = [await site.http.delete("/api/v1/secrets/mail") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 404]
    assert answers[1].json()["detail"] == "Secret not found: mail"
    assert (await site.http.get("/api/v1/secrets")).json()["secrets"] == []


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("mail", {}),
        ("mail", {"value": ""}),
        ("mail", {"value": 5}),
        ("mail", {"value": "x" * 65_537}),
        ("1st", {"value": VALUE}),
        ("a-b", {"value": VALUE}),
        ("%2e%2e%2fmail", {"value": VALUE}),
        ("ma%00il", {"value": VALUE}),
        ("x" * 65, {"value": VALUE}),
    ],
)
async def test_what_is_out_of_bounds_is_refused_without_the_value(site: Site, name: str, body: dict[str, Any]) -> None:
    answer = await site.http.put(f"/api/v1/secrets/{name}", json=body)

    assert answer.status_code == 400
    assert VALUE not in answer.text


async def test_tenants_have_their_own_secrets(site: Site) -> None:
    await site.http.put("/api/v1/secrets/mail", json={"value": VALUE})
    async with site.client("developer", tenant="acme") as acme, site.client("developer", tenant="other") as other:
        assert (await acme.put("/api/v1/secrets/acme_only", json={"value": VALUE})).status_code == 200

        seen = [(await client.get("/api/v1/secrets")).json()["secrets"] for client in (acme, other, site.http)]
        refused = await other.delete("/api/v1/secrets/acme_only")

    assert [[one["name"] for one in secrets] for secrets in seen] == [["acme_only"], [], ["mail"]]
    assert refused.status_code == 404


async def test_who_sees_every_tenant_says_whose_secrets_are_meant(site: Site) -> None:
    async with site.client("developer", tenant="acme") as acme, site.client("admin") as admin:
        await admin.put("/api/v1/secrets/mail", json={"value": VALUE, "tenant_id": "acme"})
        await admin.put("/api/v1/secrets/of_none", json={"value": VALUE, "tenant_id": ""})
        lists = [
            (await client.get(f"/api/v1/secrets{query}")).json()["secrets"]
            for client, query in ((acme, ""), (admin, "?tenant_id=acme"), (admin, "?tenant_id="), (admin, ""))
        ]
        deleted = await admin.delete("/api/v1/secrets/mail?tenant_id=acme")

        assert [one["name"] for secrets in lists for one in secrets] == ["mail", "mail", "of_none", "of_none"]
        assert deleted.status_code == 200
        assert (await acme.get("/api/v1/secrets")).json()["secrets"] == []


@pytest.mark.parametrize("tenant", ["other", ""])
async def test_who_is_bound_to_a_tenant_has_no_secrets_but_its_own(site: Site, tenant: str) -> None:
    await site.http.put("/api/v1/secrets/mail", json={"value": "kept", "tenant_id": tenant})
    async with site.client("admin", tenant="acme") as acme:
        refused = [
            await acme.get(f"/api/v1/secrets?tenant_id={tenant}"),
            await acme.put("/api/v1/secrets/mail", json={"value": VALUE, "tenant_id": tenant}),
            await acme.delete(f"/api/v1/secrets/mail?tenant_id={tenant}"),
        ]
        own = await acme.put("/api/v1/secrets/mail", json={"value": VALUE, "tenant_id": "acme"})

    assert [answer.status_code for answer in refused] == [403, 403, 403]
    assert refused[0].json()["detail"] == "Insufficient permissions. Secrets of tenant acme only"
    assert own.status_code == 200
    [left] = (await site.http.get(f"/api/v1/secrets?tenant_id={tenant}")).json()["secrets"]
    assert left["created_at"] == left["updated_at"]


@pytest.mark.parametrize("role", ["viewer", "operator"])
async def test_secrets_want_a_developer(site: Site, role: str) -> None:
    async with site.client(role) as client:
        answers = [
            await client.get("/api/v1/secrets"),
            await client.put("/api/v1/secrets/mail", json={"value": VALUE}),
            await client.delete("/api/v1/secrets/mail"),
        ]

    assert [answer.status_code for answer in answers] == [403, 403, 403]


async def test_a_value_is_stored_encrypted_and_stands_in_no_entry_of_the_audit_log(site: Site) -> None:
    await site.http.put("/api/v1/secrets/mail", json={"value": VALUE})

    stored = await site.database.read(
        lambda connection: connection.execute(sa.select(*WORKFLOW_SECRETS.c)).one()._asdict()
    )
    audit = await site.http.get("/api/v1/audit")
    assert VALUE.encode() not in bytes(stored.pop("sealed"))
    assert VALUE not in str(stored)
    assert "orchestrator.v1.SecretService/PutSecret" in audit.text
    assert "name=mail" in audit.text
    assert VALUE not in audit.text


async def test_a_tenant_has_room_for_a_thousand_and_can_still_change_them(site: Site) -> None:
    def fill(connection: sa.Connection) -> None:
        for number in range(secret_store.MOST_OF_TENANT):
            secret_store.put(connection, "", f"s{number:04}", b"x", by="ann", now=1)

    await site.database.write(fill)

    one_more = await site.http.put("/api/v1/secrets/one_more", json={"value": VALUE})
    changed = await site.http.put("/api/v1/secrets/s0500", json={"value": VALUE})

    assert (one_more.status_code, changed.status_code) == (413, 200)


async def test_a_list_is_read_in_pages(site: Site) -> None:
    for name in ("a", "b", "c"):
        await site.http.put(f"/api/v1/secrets/{name}", json={"value": VALUE})

    first = (await site.http.get("/api/v1/secrets?page_size=2")).json()
    last = (await site.http.get(f"/api/v1/secrets?page_token={first['next_page_token']}")).json()

    assert [one["name"] for one in first["secrets"] + last["secrets"]] == ["a", "b", "c"]
    assert last["next_page_token"] == ""
