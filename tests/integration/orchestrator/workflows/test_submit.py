"""Submitting workflows: what is answered, stored and queued, and what is refused with nothing stored."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import httpx
import orjson

from switchyard.orchestrator.v1 import workflow_pb2
from switchyard.orchestrator.v1 import workflow_service_pb2 as pb
from tests.integration.orchestrator import serving
from tests.integration.orchestrator.serving import Site
from tests.integration.orchestrator.workflows.parts import FILE, body, job, jobs, publish, refused, submitted

NOON = 1_764_585_000 * 1_000_000


async def test_a_submitted_workflow_is_stored_and_queued(ready: Site) -> None:
    ready.clock.stopped_at = NOON

    answer = await submitted(ready, metadata={"description": "Example workflow"}, schedule_cron=None)

    assert answer == {
        "workflow_id": answer["workflow_id"],
        "job_id": answer["job_id"],
        "schedule_id": None,
        "status": "success",
        "message": "Workflow submitted and queued for lan execution",
        "created_at": "2025-12-01T10:30:00Z",
    }
    found = (await ready.http.get(f"/api/v1/workflows/{answer['workflow_id']}")).json()
    assert found == {
        "workflow_id": answer["workflow_id"],
        "workflow_name": "My Workflow",
        "workflow_json": FILE,
        "version": 1,
        "description": "Example workflow",
        "created_at": "2025-12-01T10:30:00Z",
        "updated_at": "2025-12-01T10:30:00Z",
        "trigger_type": "manual",
        "execution_mode": "lan",
        "priority": 10,
        "metadata": {"description": "Example workflow"},
        "node_count": 2,
    }


async def test_its_job_waits_for_a_robot_of_its_mode(ready: Site) -> None:
    lan = await submitted(ready, priority=0, variables={"x": 1})
    internet = await submitted(ready, execution_mode="internet")

    row, payload = await job(ready, lan["job_id"])
    assert (row.kind, row.priority, row.tenant, row.attempt_timeout_seconds) == ("run_workflow", 0, "", 3600)
    assert (payload.workflow_id, payload.version, payload.variables) == (lan["workflow_id"], 1, '{"x":1}')
    assert payload.trigger_type == workflow_pb2.TRIGGER_TYPE_MANUAL
    assert internet["message"] == "Workflow submitted and queued for internet execution"
    assert (await job(ready, internet["job_id"]))[0].kind == "run_workflow_internet"


async def test_the_time_limit_of_a_job_is_that_of_the_file(ready: Site) -> None:
    answer = await submitted(ready, workflow_json={**FILE, "settings": {"timeout": 90.5}})

    assert (await job(ready, answer["job_id"]))[0].attempt_timeout_seconds == 91


async def test_a_file_comes_back_as_it_was_sent(ready: Site) -> None:
    text = (
        '{"z":1.50,"nodes":{"b":{"node_type":"LogNode","config":{"n":12345678901234567890123,"e":"\\u00e9"}},'
        '"a":{"node_type":"StartNode"}},"connections":[]}'
    )
    sent = '{"workflow_name":"w", "workflow_json": ' + text.replace(",", " ,\n ") + "}"

    answer = await ready.http.post("/api/v1/workflows", content=sent, headers={"content-type": "application/json"})

    found = await ready.http.get(f"/api/v1/workflows/{answer.json()['workflow_id']}")
    assert f'"workflow_json":{text}' in found.text


async def test_a_scheduled_workflow_has_a_schedule_and_no_job(ready: Site) -> None:
    cron: dict[str, Any] = {"trigger_type": "scheduled", "schedule_cron": "0 9 * * 1-5", "timezone": "Europe/Berlin"}

    answer = await submitted(ready, **cron, priority=3, variables={"x": 1})

    assert answer["job_id"] is None
    schedule = (await ready.http.get(f"/api/v1/schedules/{answer['schedule_id']}")).json()
    assert (schedule["workflow_id"], schedule["cron_expression"]) == (answer["workflow_id"], "0 9 * * 1-5")
    assert (schedule["timezone"], schedule["priority"], schedule["variables"]) == ("Europe/Berlin", 3, {"x": 1})
    assert await jobs(ready) == 0


NO_SCHEDULE: list[tuple[dict[str, Any], str]] = [
    ({}, "schedule_cron must be given"),
    ({"schedule_cron": "0 0 * * 8"}, "Invalid cron expression"),
    ({"schedule_cron": "@daily", "timezone": "Nowhere/At_All"}, "timezone"),
]


async def test_nothing_is_stored_when_the_schedule_cannot_be(ready: Site) -> None:
    for fields, words in NO_SCHEDULE:
        status, sentence = await refused(ready, trigger_type="scheduled", **fields)

        assert status == 400
        assert words in sentence


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"workflow_json": {}}, "workflow_json must contain 'nodes' key"),
    ({"workflow_json": {"nodes": 5}}, "workflow_json.nodes must be a dict or list"),
    (
        {"workflow_json": {"nodes": [{"id": str(number), "type": "LogNode"} for number in range(1001)]}},
        "Workflow exceeds maximum node count (1001 > 1000)",
    ),
    (
        {"workflow_json": {"nodes": [FILE["nodes"][0]] * 2}},
        "Node 'start' must not appear twice: ids are unique",
    ),
    (
        {"workflow_json": {**FILE, "connections": [{"out": ["start", "exec_out"], "in": ["end", "exec_in"]}]}},
        ("Connections must lead from a node to a node: start.exec_out -> end.exec_in, where there is no node 'end'"),
    ),
    (
        {"workflow_json": {"nodes": [{"id": "a", "type": "FooNode"}, {"id": "b", "type": "ExcelOpenNode"}]}},
        "Unknown node types: FooNode (node 'a'); ExcelOpenNode (node 'b') is refused: it needs a desktop",
    ),
    ({"workflow_name": ""}, "workflow_name must be given"),
    ({"workflow_name": "x" * 256}, "workflow_name must be at most 255 characters long"),
    ({"priority": -1}, "priority must be between 0 and 20"),
    ({"priority": 21}, "priority must be between 0 and 20"),
]


async def test_what_cannot_be_run_is_refused_by_a_sentence(ready: Site) -> None:
    answers = [await refused(ready, **fields) for fields, _ in REFUSED]

    assert answers == [(400, sentence) for _, sentence in REFUSED]


WRONG_KIND: list[dict[str, Any]] = [
    {"workflow_json": None},
    {"workflow_json": "{}"},
    {"workflow_json": [FILE]},
    {"workflow_json": json.loads("[" * 120 + "]" * 120)},
    {"workflow_json": {**FILE, "deep": json.loads("[" * 120 + "]" * 120)}},
    {"priority": "5"},
    {"priority": 2.5},
    {"trigger_type": "sometimes"},
    {"execution_mode": "wan"},
    {"metadata": "text"},
    {"variables": [1]},
    {"workflow_name": 5},
]


async def test_what_is_of_the_wrong_kind_is_400(ready: Site) -> None:
    answers = [await refused(ready, **fields) for fields in WRONG_KIND]

    assert [status for status, _ in answers] == [400] * len(WRONG_KIND), answers


NO_JSON = ["NaN", "Infinity", "1e999", '{"a":1,"a":1}', '{"a":[]', '{"a":"\\ud800"}']


async def test_what_is_no_json_is_refused_over_http_and_grpc_alike(ready: Site) -> None:
    stub = ready.stub("orchestrator.WorkflowService")
    for text in NO_JSON:
        file = f'{{"nodes":[],"x":{text}}}'
        content = f'{{"workflow_name":"w","workflow_json":{file}}}'
        request = pb.SubmitWorkflowRequest(workflow_name="w", workflow_json=file)

        answer = await ready.http.post(
            "/api/v1/workflows", content=content, headers={"content-type": "application/json"}
        )
        code, _ = await serving.refused(stub.SubmitWorkflow(request, metadata=ready.admin))

        assert (text, answer.status_code, code) == (text, 400, grpc.StatusCode.INVALID_ARGUMENT)


async def test_an_unknown_node_type_does_not_matter_to_robots_elsewhere(ready: Site) -> None:
    file = {"nodes": [{"id": "a", "type": "OurOwnNode"}]}

    answer = await submitted(ready, workflow_json=file, execution_mode="internet")

    assert answer["job_id"] is not None


async def test_an_alias_is_known(ready: Site) -> None:
    await submitted(ready, workflow_json={"nodes": [{"id": "a", "type": "PrintNode"}]})


async def test_nothing_is_known_before_a_worker_has_told(site: Site) -> None:
    assert (await site.http.post("/api/v1/workflows", json=body())).status_code == 503
    await submitted(site, execution_mode="internet")

    await publish(site)

    await submitted(site)


async def test_a_repeated_call_gives_the_first_answer(ready: Site) -> None:
    headers = {"Idempotency-Key": "k1"}

    answers = await asyncio.gather(
        *(ready.http.post("/api/v1/workflows", json=body(), headers=headers) for _ in range(5))
    )
    other = await ready.http.post("/api/v1/workflows", json=body(priority=1), headers=headers)

    assert len({answer.text for answer in answers}) == 1
    assert other.status_code == 409
    assert await jobs(ready) == 1


def large(size: int) -> bytes:
    """A body of exactly `size` bytes."""
    empty = orjson.dumps(body(workflow_json={**FILE, "filler": ""}))
    return empty.replace(b'"filler":""', b'"filler":"' + b"x" * (size - len(empty)) + b'"')


async def chunks(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 1 << 20):
        yield data[start : start + (1 << 20)]


async def test_ten_megabytes_are_taken_and_one_byte_more_is_413(ready: Site) -> None:
    limit = 10 * 1024 * 1024
    headers = {"content-type": "application/json"}

    taken = await ready.http.post("/api/v1/workflows", content=large(limit), headers=headers)
    honest = await ready.http.post("/api/v1/workflows", content=large(limit + 1), headers=headers)
    chunked = await ready.http.post("/api/v1/workflows", content=chunks(large(limit + 1)), headers=headers)
    lying = await ready.http.post(
        "/api/v1/workflows", content=chunks(large(limit + 1)), headers=headers | {"content-length": "5"}
    )

    assert [answer.status_code for answer in (taken, honest, chunked)] == [200, 413, 413]
    assert lying.status_code >= 400
    stored = await ready.http.get(f"/api/v1/workflows/{taken.json()['workflow_id']}")
    assert stored.json()["workflow_json"]["filler"].strip("x") == ""
    assert await jobs(ready) == 1


async def test_the_event_loop_goes_on_while_a_large_file_is_read(ready: Site) -> None:
    file = orjson.dumps({**FILE, "filler": ["x" * 100] * 80_000})
    request = pb.SubmitWorkflowRequest(workflow_name="w", workflow_json=file.decode())
    stub = ready.stub("orchestrator.WorkflowService")

    sent = asyncio.ensure_future(stub.SubmitWorkflow(request, metadata=ready.admin))
    turns = 0
    while not sent.done():
        await asyncio.sleep(0)
        turns += 1

    assert (await sent).job_id
    assert turns > 10


async def test_a_tenant_sees_its_own_workflows_only(ready: Site) -> None:
    async with ready.client("developer", tenant="acme") as acme, ready.client("developer", tenant="other") as other:
        answer = await submitted(ready, acme)
        path = f"/api/v1/workflows/{answer['workflow_id']}"

        statuses = [(await client.get(path)).status_code for client in (acme, other, ready.http)]
        lists = [
            len((await client.get("/api/v1/workflows")).json()["workflows"]) for client in (acme, other, ready.http)
        ]
        deleted = await other.delete(path)
        run = await other.post(f"{path}/run", json={})

    assert statuses == [200, 404, 200]
    assert lists == [1, 0, 1]
    assert (deleted.status_code, run.status_code) == (404, 404)
    assert (await job(ready, answer["job_id"]))[0].tenant == "acme"


async def test_roles_are_as_documented(ready: Site) -> None:
    answer = await submitted(ready)
    path = f"/api/v1/workflows/{answer['workflow_id']}"
    async with ready.client("operator") as operator, ready.client("viewer") as viewer:
        submits = [(await client.post("/api/v1/workflows", json=body())).status_code for client in (operator, viewer)]
        reads = [(await client.get(path)).status_code for client in (operator, viewer)]
        runs = [(await client.post(f"{path}/run", json={})).status_code for client in (operator, viewer)]

    assert (submits, reads, runs) == ([403, 403], [200, 403], [200, 403])


async def test_a_run_has_variables_and_a_priority_of_its_own(ready: Site) -> None:
    answer = await submitted(ready, priority=7)
    path = f"/api/v1/workflows/{answer['workflow_id']}/run"

    first = (await ready.http.post(path, json={"variables": {"x": [1, 2]}, "priority": 0})).json()
    second = (await ready.http.post(path)).json()

    assert first["status"] == "pending"
    row, payload = await job(ready, first["job_id"])
    assert (row.priority, payload.variables) == (0, '{"x":[1,2]}')
    row, payload = await job(ready, second["job_id"])
    assert (row.priority, payload.variables) == (7, "")


async def test_a_workflow_that_is_not_there_is_404(ready: Site) -> None:
    for workflow_id in ("nowhere", "0b6cb0f4-0000-4000-8000-000000000000", "a%00b", "%2e%2e%2fx"):
        answers: list[httpx.Response] = [
            await ready.http.get(f"/api/v1/workflows/{workflow_id}"),
            await ready.http.delete(f"/api/v1/workflows/{workflow_id}"),
            await ready.http.post(f"/api/v1/workflows/{workflow_id}/run", json={}),
            await ready.http.patch(f"/api/v1/workflows/{workflow_id}", json={"priority": 1}),
        ]

        assert {answer.status_code for answer in answers} == {404}
        assert all(answer.json()["detail"].startswith("Workflow not found: ") for answer in answers)
