"""Workflows from submit to the end of their job, with everything as real processes."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.end_to_end.system import System, wait_until

PASSWORD = "a password of tests"
FINAL = {"completed", "failed", "cancelled"}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("workflows"), {"ADMIN_PASSWORD": PASSWORD}) as system:
        system.start()
        yield system


@pytest.fixture(scope="module")
def client(system: System) -> Iterator[httpx.Client]:
    login = system.client.post("/api/v1/auth/login", json={"username": "admin", "password": PASSWORD}).json()
    headers = {"Authorization": f"Bearer {login['access_token']}"}
    with httpx.Client(base_url=system.url, headers=headers, timeout=30, trust_env=False) as client:
        wait_until(
            lambda: bool(client.get("/api/v1/node-types").json()), timeout=30, what=lambda: system.output("worker")
        )
        yield client


def submit(client: httpx.Client, nodes: list[dict[str, Any]], edges: str, **settings: Any) -> str:
    connections = [
        {"source_node": source, "source_port": port or "exec_out", "target_node": target, "target_port": "exec_in"}
        for source, port, target in (
            (*ends[0].strip().partition(".")[::2], ends[1].strip())
            for ends in (edge.split(">") for edge in edges.split(";") if edge.strip())
        )
    ]
    workflow = {"nodes": nodes, "connections": connections, "settings": settings}
    body = {"workflow_name": "test", "workflow_json": workflow}
    answer = client.post("/api/v1/workflows", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["job_id"])


def job(client: httpx.Client, job_id: str) -> dict[str, Any]:
    answer = client.get(f"/api/v1/metrics/jobs/{job_id}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def log_of(client: httpx.Client, job_id: str) -> list[str]:
    return [line["message"] for line in client.get(f"/api/v1/jobs/{job_id}/logs").json()["lines"]]


def starts(client: httpx.Client, job_id: str) -> int:
    """Return how often a worker has begun with a job."""
    return sum(line.startswith("Job started on") for line in log_of(client, job_id))


def wait_for(client: httpx.Client, system: System, job_id: str, *statuses: str) -> dict[str, Any]:
    wanted = set(statuses) or FINAL
    wait_until(
        lambda: job(client, job_id)["status"] in wanted,
        timeout=60,
        what=lambda: f"{job(client, job_id)}\n{system.output('worker')}",
    )
    return job(client, job_id)


def test_a_job_runs_its_workflow_and_tells_all_of_it(client: httpx.Client, system: System) -> None:
    nodes: list[dict[str, Any]] = [
        {"id": "start", "type": "StartNode"},
        {"id": "each", "type": "ForLoopStartNode", "config": {"items": [1, 2, 3, 4, 5]}},
        {"id": "add", "type": "IncrementVariableNode", "config": {"variable_name": "sum", "increment": "{{item}}"}},
        {"id": "log", "type": "LogNode", "config": {"message": "The sum is {{sum}}"}},
    ]

    job_id = submit(client, nodes, "start > each; each.body > add; each.completed > log")

    ended = wait_for(client, system, job_id)
    assert ended["status"] == "completed", ended
    assert ended["variables"] == {"sum": 15}
    assert [one["node_id"] for one in ended["node_executions"]] == ["start", *["each", "add"] * 5, "each", "log"]
    lines = client.get(f"/api/v1/jobs/{job_id}/logs").json()
    assert "The sum is 15" in str(lines)


def test_a_failed_attempt_shows_what_it_had_executed_while_the_next_one_is_waited_for(
    client: httpx.Client, system: System
) -> None:
    nodes = [
        {"id": "log", "type": "LogNode", "config": {"message": "hello"}},
        {"id": "throw", "type": "ThrowErrorNode", "config": {"message": "out of paper"}},
    ]

    job_id = submit(client, nodes, "log > throw")

    wait_until(lambda: job(client, job_id)["retry_count"] > 0, timeout=60, what=lambda: str(job(client, job_id)))
    failed = job(client, job_id)
    assert [(one["node_id"], one["status"]) for one in failed["node_executions"]] == [
        ("log", "completed"),
        ("throw", "failed"),
    ]
    assert failed["node_executions"][1]["error_message"] == "out of paper"


def test_a_workflow_that_cannot_be_executed_is_not_tried_again(client: httpx.Client, system: System) -> None:
    job_id = submit(client, [{"id": "break", "type": "BreakNode"}], "")

    ended = wait_for(client, system, job_id)

    assert (ended["status"], ended["retry_count"]) == ("failed", 0)
    assert "'break'" in ended["error_message"]


def test_a_cancelled_job_leaves_no_process(client: httpx.Client, system: System) -> None:
    job_id = submit(client, [{"id": "wait", "type": "WaitNode", "config": {"duration": 600}}], "")
    wait_for(client, system, job_id, "claimed")
    wait_until(lambda: _runs(system) == 1, timeout=30, what=lambda: system.output("worker"))

    assert client.post(f"/api/v1/jobs/{job_id}/cancel").status_code == 200

    assert wait_for(client, system, job_id)["status"] == "cancelled"
    assert _runs(system) == 0


def test_node_types_are_listed_and_unknown_ones_refused(client: httpx.Client) -> None:
    types = {one["name"]: one for one in client.get("/api/v1/node-types").json()}
    assert types["IfNode"]["exec_ports"] == ["true", "false"]
    assert types["LogNode"]["inputs"]["properties"]["level"]["default"] == "info"

    nodes = [{"id": "a", "type": "NoSuchNode"}, {"id": "b", "type": "MessageBoxNode"}]
    answer = client.post("/api/v1/workflows", json={"workflow_name": "test", "workflow_json": {"nodes": nodes}})

    assert answer.status_code == 400
    assert "NoSuchNode" in answer.json()["detail"]
    assert "nobody sits before a run" in answer.json()["detail"]


def test_a_secret_is_used_and_shown_nowhere(client: httpx.Client, system: System) -> None:
    secret = "what the postman knows"
    assert client.put("/api/v1/secrets/mail", json={"value": secret}).status_code == 200
    nodes: list[dict[str, Any]] = [
        {"id": "set", "type": "SetVariableNode", "config": {"variable_name": "header", "value": "{{secrets.mail}}!"}},
        {"id": "log", "type": "LogNode", "config": {"message": "sending {{header}} {{secrets.mail}}"}},
        {"id": "len", "type": "EvalExpressionNode", "config": {"expression": "len(secrets.mail)"}},
        {"id": "throw", "type": "ThrowErrorNode", "config": {"message": "the post wants {{secrets.mail}}"}},
    ]

    job_id = submit(client, nodes, "set > log; log > len; len > throw")

    wait_until(lambda: job(client, job_id)["retry_count"] > 0, timeout=60, what=lambda: str(job(client, job_id)))
    failed = job(client, job_id)
    assert failed["outputs"]["len"]["result"] == len(secret)
    assert failed["variables"]["header"] == "***!"
    assert "the post wants ***" in str(failed["node_executions"])
    shown = [client.get(path).text for path in (f"/api/v1/jobs/{job_id}/logs", "/api/v1/audit")]
    assert "sending ***! ***" in shown[0]
    assert secret not in str([failed, *shown, system.output("server"), system.output("worker")])
    files = [path for path in system.folder.rglob("*") if path.is_file()]
    assert [path for path in files if secret.encode() in path.read_bytes()] == []


def test_a_job_that_may_be_resumed_goes_on_behind_the_last_finished_node(client: httpx.Client, system: System) -> None:
    nodes = [
        {"id": "begin", "type": "LogNode", "config": {"message": "the beginning"}},
        {"id": "pause", "type": "WaitNode", "config": {"duration": 0.01}},
        {"id": "wait", "type": "WaitNode", "config": {"duration": 600}},
    ]
    job_id = submit(client, nodes, "begin > pause; pause > wait", resume=True)

    def waits() -> bool:
        return str((job(client, job_id).get("progress") or {}).get("message", "")).startswith("wait")

    wait_until(waits, timeout=60, what=lambda: f"{job(client, job_id)}\n{system.output('worker')}")
    for process in system.descendants("worker"):
        if process.name() == "sy-run":
            process.kill()
    wait_until(
        lambda: starts(client, job_id) == 2 and _runs(system) == 1,
        timeout=60,
        what=lambda: f"{job(client, job_id)}\n{system.output('worker')}",
    )
    assert client.post(f"/api/v1/jobs/{job_id}/cancel").status_code == 200
    ended = wait_for(client, system, job_id)

    lines = log_of(client, job_id)
    assert lines.count("the beginning") == 1
    assert [one["node_id"] for one in ended["node_executions"]][:2] == ["begin", "pause"]


def _runs(system: System) -> int:
    return sum(process.name() == "sy-run" for process in system.descendants("worker"))
