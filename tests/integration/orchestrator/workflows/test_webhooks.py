"""Secret paths: what they set off, what is stored of them, and when they are gone."""

from typing import Any

import httpx
import sqlalchemy as sa

from server.orchestrator.tables import WORKFLOWS
from server.rpc.tables import IDEMPOTENCY_KEYS
from switchyard.orchestrator.v1 import workflow_pb2
from tests.integration.orchestrator.serving import Site
from tests.integration.orchestrator.workflows.parts import job, jobs, submitted


async def webhook(site: Site, **fields: Any) -> tuple[str, str]:
    """Submit a workflow that waits for a POST, and return its id and its secret path."""
    answer = await submitted(site, trigger_type="webhook", **fields)
    return answer["workflow_id"], answer["metadata"]["webhook_path"]


async def post(site: Site, path: str, **sent: Any) -> httpx.Response:
    """Call the path as somebody without any credential."""
    headers = {"x-api-key": "", **sent.pop("headers", {})}
    return await site.http.post(path, headers=headers, **sent)


async def test_a_post_to_the_secret_path_queues_a_job(ready: Site) -> None:
    workflow_id, path = await webhook(ready, priority=4)

    assert await jobs(ready) == 0
    answer = await post(ready, path, json={"order": 7})

    assert (answer.status_code, answer.json()["status"]) == (200, "pending")
    row, payload = await job(ready, answer.json()["job_id"])
    assert (row.kind, row.priority, payload.workflow_id) == ("run_workflow", 4, workflow_id)
    assert (payload.variables, payload.trigger_type) == (
        '{"payload":{"order":7}}',
        workflow_pb2.TRIGGER_TYPE_WEBHOOK,
    )


async def test_the_audit_log_says_whose_path_was_called(ready: Site) -> None:
    workflow_id, path = await webhook(ready)

    await post(ready, path)

    entries = (await ready.http.get("/api/v1/audit")).json()["entries"]
    assert (
        next(entry["actor"] for entry in entries if "TriggerWebhook" in entry["action"]) == f"webhook of {workflow_id}"
    )


async def test_json_becomes_a_value_and_anything_else_text(ready: Site) -> None:
    _, path = await webhook(ready)
    cases: list[tuple[bytes, str, str]] = [
        (b'{"a": [1.50, null]}', "application/json", '{"a":[1.50,null]}'),
        (b"5", "application/json", "5"),
        (b'{"a":1}', "application/x-www-form-urlencoded", '{"a":1}'),
        (b"a=1&b=2", "application/x-www-form-urlencoded", '"a=1&b=2"'),
        (b"5", "text/plain; charset=utf-8", '"5"'),
        (b'{"a":', "application/json", '"{\\"a\\":"'),
        (b'{"a":1,"a":2}', "application/json", '"{\\"a\\":1,\\"a\\":2}"'),
        (b"\xff", "application/octet-stream", '"\ufffd"'),
        (b"", "", '""'),
    ]
    for content, content_type, variable in cases:
        headers = {"content-type": content_type} if content_type else {}
        answer = await post(ready, path, content=content, headers=headers)

        assert answer.status_code == 200, answer.text
        assert (await job(ready, answer.json()["job_id"]))[1].variables == f'{{"payload":{variable}}}'


async def test_the_path_is_found_nowhere_in_the_database(ready: Site) -> None:
    headers = {"Idempotency-Key": "k"}
    body = {"workflow_name": "w", "workflow_json": {"nodes": []}, "trigger_type": "webhook"}

    first = (await ready.http.post("/api/v1/workflows", json=body, headers=headers)).json()
    again = (await ready.http.post("/api/v1/workflows", json=body, headers=headers)).json()

    assert again == first
    key = first["metadata"]["webhook_path"].rpartition("/")[2]
    assert len(key) >= 43
    stored = await ready.database.scan(
        lambda connection: [*connection.execute(sa.select(WORKFLOWS)), *connection.execute(sa.select(IDEMPOTENCY_KEYS))]
    )
    assert key not in str(stored)


async def test_a_path_that_is_not_known_is_404(ready: Site) -> None:
    _, path = await webhook(ready)

    answers = [await post(ready, other, json={}) for other in (path + "x", path[:-1], "/api/v1/hooks/a%00b")]

    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert await jobs(ready) == 0


async def test_a_rotated_path_replaces_the_old_one_at_once(ready: Site) -> None:
    workflow_id, old = await webhook(ready)

    new = (await ready.http.post(f"/api/v1/workflows/{workflow_id}/webhook")).json()["webhook_path"]

    assert new != old
    assert (await post(ready, old)).status_code == 404
    assert (await post(ready, new)).status_code == 200


async def test_only_a_webhook_has_a_path_to_rotate(ready: Site) -> None:
    answer = await submitted(ready)

    rotated = await ready.http.post(f"/api/v1/workflows/{answer['workflow_id']}/webhook")

    assert rotated.status_code == 400


async def test_the_path_of_a_deleted_workflow_is_gone(ready: Site) -> None:
    workflow_id, path = await webhook(ready)

    await ready.http.delete(f"/api/v1/workflows/{workflow_id}")

    assert (await post(ready, path)).status_code == 404


async def test_a_repeated_call_queues_one_job(ready: Site) -> None:
    _, path = await webhook(ready)
    headers = {"Idempotency-Key": "k"}

    first = await post(ready, path, json={"a": 1}, headers=headers)
    again = await post(ready, path, json={"a": 1}, headers=headers)
    other = await post(ready, path, json={"a": 2}, headers=headers)

    assert (first.text, other.status_code) == (again.text, 409)
    assert await jobs(ready) == 1


async def test_the_job_of_a_tenants_webhook_is_the_tenants(ready: Site) -> None:
    async with ready.client("developer", tenant="acme") as acme:
        answer = await submitted(ready, acme, trigger_type="webhook")

    called = await post(ready, answer["metadata"]["webhook_path"])

    assert (await job(ready, called.json()["job_id"]))[0].tenant == "acme"


async def test_more_than_a_megabyte_is_413(ready: Site) -> None:
    _, path = await webhook(ready)

    assert (await post(ready, path, content=b"x" * (1 << 20))).status_code == 200
    assert (await post(ready, path, content=b"x" * ((1 << 20) + 1))).status_code == 413
