"""Changing workflows: versions, what differs between them, lists."""

from typing import Any

from tests.integration.orchestrator.serving import Site
from tests.integration.orchestrator.workflows.parts import FILE, job, submitted

LONGER: dict[str, Any] = {
    "connections": [{"out": ["start", "exec_out"], "in": ["end", "exec_in"]}],
    "nodes": {
        "start": {"node_type": "StartNode", "position": [5, 5]},
        "log": {"node_type": "PrintNode", "config": {"message": "bye"}},
        "end": {"node_type": "EndNode"},
    },
    "settings": {"retry_count": 2},
}


async def changed(site: Site, workflow_id: str, **fields: Any) -> dict[str, Any]:
    answer = await site.http.patch(f"/api/v1/workflows/{workflow_id}", json=fields)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_new_file_makes_a_version_and_old_ones_stay(ready: Site) -> None:
    workflow_id = (await submitted(ready))["workflow_id"]

    found = await changed(ready, workflow_id, workflow_json=LONGER)

    assert (found["version"], found["node_count"], found["workflow_json"]) == (2, 3, LONGER)
    path = f"/api/v1/workflows/{workflow_id}"
    assert (await ready.http.get(path)).json() == found
    first = (await ready.http.get(f"{path}/versions/1")).json()
    assert (first["version"], first["node_count"], first["workflow_json"]) == (1, 2, FILE)
    assert (await ready.http.get(f"{path}/versions/3")).status_code == 404


async def test_jobs_that_wait_keep_their_version(ready: Site) -> None:
    answer = await submitted(ready)
    await changed(ready, answer["workflow_id"], workflow_json=LONGER)

    run = (await ready.http.post(f"/api/v1/workflows/{answer['workflow_id']}/run", json={})).json()

    assert (await job(ready, answer["job_id"]))[1].version == 1
    assert (await job(ready, run["job_id"]))[1].version == 2


async def test_the_same_file_and_other_facts_make_no_version(ready: Site) -> None:
    workflow_id = (await submitted(ready, metadata={"description": "a", "x": 1}))["workflow_id"]

    found = await changed(
        ready, workflow_id, workflow_json=FILE, workflow_name="New", priority=0, metadata={"description": "b"}
    )

    assert (found["version"], found["workflow_name"], found["priority"]) == (1, "New", 0)
    assert (found["description"], found["metadata"]) == ("b", {"description": "b"})


async def test_a_change_from_an_older_version_is_409(ready: Site) -> None:
    workflow_id = (await submitted(ready))["workflow_id"]
    await changed(ready, workflow_id, workflow_json=LONGER, version=1)

    answer = await ready.http.patch(f"/api/v1/workflows/{workflow_id}", json={"workflow_json": FILE, "version": 1})

    assert (answer.status_code, answer.json()["detail"]) == (409, f"Workflow {workflow_id} has version 2 by now")


async def test_a_change_that_could_not_run_changes_nothing(ready: Site) -> None:
    internet = (await submitted(ready, execution_mode="internet", workflow_json={"nodes": {"a": {"type": "Own"}}}))[
        "workflow_id"
    ]
    lan = (await submitted(ready))["workflow_id"]
    cases: list[tuple[str, dict[str, Any]]] = [
        (internet, {"execution_mode": "lan"}),
        (lan, {"workflow_json": {"nodes": {"a": {"type": "Own"}}}, "workflow_name": "Other"}),
        (lan, {"workflow_json": {}}),
        (lan, {"workflow_name": ""}),
        (lan, {"workflow_name": "x" * 256}),
        (lan, {"priority": 21}),
        (lan, {"version": 0}),
    ]
    for workflow_id, fields in cases:
        before = (await ready.http.get(f"/api/v1/workflows/{workflow_id}")).json()

        answer = await ready.http.patch(f"/api/v1/workflows/{workflow_id}", json=fields)

        assert answer.status_code == 400, (fields, answer.text)
        assert (await ready.http.get(f"/api/v1/workflows/{workflow_id}")).json() == before


async def test_versions_are_listed_newest_first_in_pages(ready: Site) -> None:
    workflow_id = (await submitted(ready))["workflow_id"]
    for number in range(4):
        await changed(ready, workflow_id, workflow_json={**FILE, "number": number})
    path = f"/api/v1/workflows/{workflow_id}/versions"

    first = (await ready.http.get(path, params={"page_size": 3})).json()
    second = (await ready.http.get(path, params={"page_size": 3, "page_token": first["next_page_token"]})).json()

    assert [version["version"] for version in first["versions"] + second["versions"]] == [5, 4, 3, 2, 1]
    assert second["next_page_token"] == ""
    assert {len(version["sha256"]) for version in first["versions"]} == {64}
    assert (await ready.http.get(path, params={"page_token": "x"})).status_code == 400


async def test_a_difference_is_told_by_meaning(ready: Site) -> None:
    workflow_id = (await submitted(ready))["workflow_id"]
    await changed(ready, workflow_id, workflow_json=LONGER)
    path = f"/api/v1/workflows/{workflow_id}/diff"

    assert (await ready.http.get(path)).json() == {
        "from": 1,
        "to": 2,
        "added_nodes": ["end"],
        "removed_nodes": [],
        "changed_nodes": [
            {
                "node_id": "log",
                "old_type": "LogNode",
                "new_type": "PrintNode",
                "old_config": {"message": "hello"},
                "new_config": {"message": "bye"},
            }
        ],
        "added_connections": ["start.exec_out -> end.exec_in"],
        "removed_connections": ["start.exec_out -> log.exec_in"],
        "settings_changed": True,
    }
    back = (await ready.http.get(path, params={"from": 2, "to": 1})).json()
    assert (back["added_nodes"], back["removed_nodes"]) == ([], ["end"])
    assert (await ready.http.get(path, params={"from": 1, "to": 9})).status_code == 404


async def test_another_dialect_of_the_same_graph_is_no_difference(ready: Site) -> None:
    workflow_id = (await submitted(ready))["workflow_id"]
    nodes = [
        {"node_id": node["id"], "node_type": node["type"], "properties": node.get("config", {})}
        for node in FILE["nodes"]
    ]
    connections = [{"from_node": "start", "from_port": "out", "to_node": "log", "to_port": "in"}]
    await changed(ready, workflow_id, workflow_json={"base_workflow": {"nodes": nodes, "connections": connections}})

    found = (await ready.http.get(f"/api/v1/workflows/{workflow_id}/diff")).json()

    assert {name for name, value in found.items() if value} == {"from", "to"}


async def test_workflows_are_listed_newest_first_by_name(ready: Site) -> None:
    names = ["Daily Report", "daily ÜBUNG", "100% done", "a_b", "axb"]
    for name in names:
        await submitted(ready, workflow_name=name)

    async def found(**params: Any) -> list[str]:
        answer = (await ready.http.get("/api/v1/workflows", params=params)).json()
        return [workflow["workflow_name"] for workflow in answer["workflows"]]

    assert await found() == names[::-1]
    assert await found(name="DAILY") == ["daily ÜBUNG", "Daily Report"]
    assert await found(name="übung") == ["daily ÜBUNG"]
    # These mean something to the database, and nothing here.
    assert await found(name="%") == ["100% done"]
    assert await found(name="a_b") == ["a_b"]
    assert await found(page_size=2) == names[:2:-1]
    assert (await ready.http.get("/api/v1/workflows", params={"page_size": -1})).status_code == 400


async def test_pages_of_workflows_follow_one_another(ready: Site) -> None:
    ids = [(await submitted(ready))["workflow_id"] for _ in range(5)]
    found: list[str] = []
    token = ""
    while len(found) < 5:
        page = (await ready.http.get("/api/v1/workflows", params={"page_size": 2, "page_token": token})).json()
        found += [workflow["workflow_id"] for workflow in page["workflows"]]
        token = page["next_page_token"]

    assert (found, token) == (ids[::-1], "")
