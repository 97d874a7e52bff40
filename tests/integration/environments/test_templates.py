"""Templates: stored, listed, replaced, deleted, and what environments take from them."""

from typing import Any

from tests.integration.environments.serving import BODY, PATH, create
from tests.integration.orchestrator.serving import Site

TEMPLATES = "/api/v1/environment-templates"
NODE: dict[str, Any] = {
    "templateId": "node",
    "description": "Node.js",
    "image": "example/node:22",
    "cpuCores": 1,
    "memoryGB": 2,
    "storageGB": 10,
    "ports": [{"name": "web", "port": 3000}],
    "startupScript": "npm ci",
    "autoStopMinutes": 0,
}
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"templateId": ""}, "template.templateId must be given"),
    ({"templateId": "No Good"}, "template.templateId must be 1 to 64 lower case letters, digits and hyphens"),
    ({"cpuCores": 5}, "template.cpuCores must be between 0 and 4"),
    ({"storageGB": 9}, "template.storageGB must be between 10 and 100"),
    ({"ports": [{"name": "web", "port": 80}]}, "template.ports[0].port must be between 1,024 and 65,535"),
    ({"ports": [{"name": "web", "port": 8443}]}, "template.ports.port must not be 8443, which every environment has"),
    ({"ports": [{"name": "ide", "port": 3000}]}, "template.ports.name must not be ide, which every environment has"),
    ({"ports": [{"port": 3000}]}, "template.ports.name must be given"),
    (
        {"ports": [{"name": "a", "port": 3000}, {"name": "b", "port": 3000}]},
        "template.ports.port must not be 3000 twice",
    ),
    ({"ports": [{"name": f"p{n}", "port": 3000 + n} for n in range(17)]}, "template.ports must have at most 16 items"),
    ({"startupScript": "x" * 65_537}, "template.startupScript must be at most 65,536 characters long"),
]


async def test_a_template_is_stored_replaced_and_deleted(site: Site) -> None:
    made = await site.http.post(TEMPLATES, json={"template": NODE})
    assert made.status_code == 201
    stored = made.json()["template"]
    assert stored == NODE | {"createdAt": stored["createdAt"], "updatedAt": stored["createdAt"]}
    assert (await site.http.get(f"{TEMPLATES}/node")).json()["template"] == stored

    twice = await site.http.post(TEMPLATES, json={"template": NODE})
    assert (twice.status_code, twice.json()["message"]) == (409, "a template with ID 'node' is there already")

    other = {"templateId": "node", "description": "Bare"}
    replaced = (await site.http.put(f"{TEMPLATES}/node", json={"template": other})).json()["template"]
    # What a template does not say has the documented default.
    assert (replaced["cpuCores"], replaced["memoryGB"], replaced["storageGB"]) == (2, 4, 20)
    assert ("autoStopMinutes" in replaced, replaced["createdAt"]) == (False, stored["createdAt"])
    assert replaced["updatedAt"] > stored["updatedAt"]

    assert (await site.http.delete(f"{TEMPLATES}/node")).status_code == 200
    gone = [
        await site.http.get(f"{TEMPLATES}/node"),
        await site.http.delete(f"{TEMPLATES}/node"),
        await site.http.put(f"{TEMPLATES}/node", json={"template": other}),
    ]
    assert [(answer.status_code, answer.json()["message"]) for answer in gone] == [
        (404, "template with ID 'node' not found")
    ] * 3


async def test_a_template_that_is_stored_again_with_its_key_is_answered_again(site: Site) -> None:
    key = {"idempotency-key": "k-1"}

    first, again = [await site.http.post(TEMPLATES, json={"template": NODE}, headers=key) for _ in range(2)]

    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())


async def test_templates_are_listed_by_their_ids(site: Site) -> None:
    for name in ("c", "a", "b"):
        await site.http.post(TEMPLATES, json={"template": {"templateId": name}})

    first = (await site.http.get(f"{TEMPLATES}?pageSize=2")).json()
    second = (await site.http.get(f"{TEMPLATES}?pageSize=2&pageToken={first['nextPageToken']}")).json()

    assert [one["templateId"] for one in (*first["templates"], *second["templates"])] == ["a", "b", "c"]
    assert second["nextPageToken"] == ""


async def test_a_template_that_is_wrong_is_refused_in_a_sentence(site: Site) -> None:
    told = {}
    for change, _ in REFUSED:
        answer = await site.http.post(TEMPLATES, json={"template": NODE | change})
        told[str(change)[:80]] = (answer.status_code, answer.json()["message"])

    assert told == {str(change)[:80]: (400, sentence) for change, sentence in REFUSED}


async def test_a_path_and_a_body_that_name_different_templates_are_refused(site: Site) -> None:
    await site.http.post(TEMPLATES, json={"template": NODE})

    answer = await site.http.put(f"{TEMPLATES}/node", json={"template": NODE | {"templateId": "other"}})
    nameless = {name: value for name, value in NODE.items() if name != "templateId"}
    same = await site.http.put(f"{TEMPLATES}/node", json={"template": nameless})

    assert (answer.status_code, answer.json()["message"]) == (
        400,
        "template.templateId must be 'node' as in the path",
    )
    assert same.status_code == 200


async def test_an_environment_takes_from_its_template_what_it_does_not_say(site: Site) -> None:
    await site.http.post(TEMPLATES, json={"template": NODE})
    sparse = {name: value for name, value in BODY.items() if name not in ("cpuCores", "memoryGB", "storageGB")}

    answer = await site.http.post(PATH, json=sparse | {"templateId": "node", "storageGB": 30})

    made = answer.json()["environment"]
    assert (made["cpuCores"], made["memoryGB"], made["storageGB"]) == (1, 2, 30)
    assert (made["templateId"], made["autoStopMinutes"]) == ("node", 0)
    await site.http.delete(f"{TEMPLATES}/node")
    assert (await site.http.get(f"{PATH}/{made['id']}")).json()["environment"]["cpuCores"] == 1
    unknown = await site.http.post(PATH, json=BODY | {"templateId": "node"})
    assert (unknown.status_code, unknown.json()["message"]) == (404, "template with ID 'node' not found")


async def test_developers_write_templates_and_operators_read_them(site: Site) -> None:
    async with site.client("operator") as anna, site.client("developer") as berta:
        assert (await anna.post(TEMPLATES, json={"template": NODE})).status_code == 403
        assert (await berta.post(TEMPLATES, json={"template": NODE})).status_code == 201
        assert (await anna.get(f"{TEMPLATES}/node")).status_code == 200
        await create(anna, templateId="node")
