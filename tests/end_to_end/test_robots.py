"""Robots as real processes: our own workers, and the robot for other machines."""

import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.end_to_end.system import System, wait_until


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    """An installation without a worker."""
    with System(tmp_path) as system:
        system.start_queue()
        system.start_server()
        yield system


def admin(system: System) -> httpx.Client:
    """Return a client with the API key."""
    text = (system.data_dir / "credentials.env").read_text()
    key = re.search(r'^API_KEY="?([^"\n]+)', text, re.MULTILINE)
    assert key is not None
    system.client.headers["x-api-key"] = key[1]
    return system.client


def robots(system: System) -> dict[str, dict[str, Any]]:
    """Return every robot by id."""
    answer = admin(system).get("/api/v1/robots")
    assert answer.status_code == 200, answer.text
    return {robot["robot_id"]: robot for robot in answer.json()["robots"]}


def figures(system: System, robot_id: str) -> dict[str, Any]:
    """Return what is measured of a robot."""
    shown: dict[str, Any] = admin(system).get(f"/api/v1/metrics/robots/{robot_id}").json()
    return shown


def job(system: System, job_id: str) -> dict[str, Any]:
    """Return a job as it is now."""
    shown: dict[str, Any] = admin(system).get(f"/api/v1/metrics/jobs/{job_id}").json()
    return shown


def start_robot(system: System, name: str, *options: str, **environ: str) -> None:
    """Start a robot for another machine, with a folder of its own."""
    command = [sys.executable, "-m", "server.cli.main", "robot"]
    given = ["--server", f"127.0.0.1:{system.grpc_port}", "--id", name, "--folder", str(system.folder / name)]
    system.launch(name, ["env", *(f"{key}={value}" for key, value in environ.items()), *command, *given, *options])


def enrolment_key(system: System) -> str:
    answer = admin(system).post("/api/v1/robots/enrolments", json={})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["enrolment_key"])


def test_a_worker_is_a_robot_with_figures_and_is_offline_as_soon_as_it_has_stopped(system: System) -> None:
    system.start_worker()
    wait_until(lambda: len(robots(system)) == 1, timeout=30, what=lambda: system.output("worker"))
    (worker_id,) = robots(system)
    wait_until(
        lambda: figures(system, worker_id).get("memory_mb") is not None,
        timeout=30,
        what=lambda: str(figures(system, worker_id)),
    )
    there = figures(system, worker_id)

    system.stop("worker")
    wait_until(lambda: robots(system)[worker_id]["status"] == "offline", timeout=10, what=lambda: str(robots(system)))

    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", worker_id)
    assert there["status"] == "idle"
    assert there["memory_mb"] > 20
    assert 0 <= there["memory_percent"] <= 100


def test_a_worker_that_is_drained_hears_of_it_and_goes_on_with_other_work(system: System) -> None:
    system.start_worker()
    wait_until(lambda: len(robots(system)) == 1, timeout=30, what=lambda: system.output("worker"))
    (worker_id,) = robots(system)

    answer = admin(system).post(f"/api/v1/robots/{worker_id}/drain", json={})

    run = system.start_run(instance := system.create_instance())
    assert answer.json()["draining"] is True
    assert system.wait_for(instance, run)["status"] == "success"


def test_a_robot_enrols_once_and_comes_back_with_its_own_token(system: System) -> None:
    start_robot(system, "far", "--enrolment-key", enrolment_key(system))
    wait_until(lambda: "far" in robots(system), timeout=30, what=lambda: system.output("far"))
    token = system.folder / "far" / "token"
    mode = stat.S_IMODE(token.stat().st_mode)

    code = system.stop("far")
    wait_until(lambda: robots(system)["far"]["status"] == "offline", timeout=10, what=lambda: system.output("far"))
    start_robot(system, "far")
    wait_until(lambda: robots(system)["far"]["status"] == "idle", timeout=30, what=lambda: system.output("far"))

    assert (code, mode) == (0, 0o600)
    assert token.read_text().startswith("swr_")
    assert token.read_text().strip() not in system.output("far")


def test_a_robot_without_a_good_credential_says_so_and_ends(system: System) -> None:
    start_robot(system, "none")
    start_robot(system, "wrong", SWITCHYARD_ROBOT_TOKEN="swr_wrong")

    codes = [system.processes.pop(name).wait(timeout=30) for name in ("none", "wrong")]

    assert codes == [1, 1]
    assert "--enrolment-key" in system.output("none")
    assert "Invalid or expired API token" in system.output("wrong")


def test_a_robot_whose_server_goes_away_is_there_again_with_it(system: System) -> None:
    start_robot(system, "far", "--enrolment-key", enrolment_key(system))
    wait_until(lambda: "far" in robots(system), timeout=30, what=lambda: system.output("far"))
    before = robots(system)["far"]["last_heartbeat"]

    system.kill("server")
    system.start_server()

    wait_until(lambda: robots(system)["far"]["last_heartbeat"] > before, timeout=30, what=lambda: system.output("far"))
    assert system.processes["far"].poll() is None


def test_a_robot_runs_jobs_and_tells_what_came_out(system: System) -> None:
    start_robot(system, "far", "--enrolment-key", enrolment_key(system))
    wait_until(lambda: "far" in robots(system), timeout=30, what=lambda: system.output("far"))
    workflow = {
        "nodes": [
            {"id": "start", "type": "StartNode"},
            {"id": "set", "type": "SetVariableNode", "config": {"variable_name": "total", "value": 15}},
            {"id": "end", "type": "EndNode"},
        ],
        "connections": [
            {"source_node": "start", "source_port": "exec_out", "target_node": "set", "target_port": "exec_in"},
            {"source_node": "set", "source_port": "exec_out", "target_node": "end", "target_port": "exec_in"},
        ],
    }
    body = {"workflow_name": "far away", "workflow_json": workflow, "execution_mode": "internet"}
    submitted = admin(system).post("/api/v1/workflows", json=body)
    assert submitted.status_code == 200, submitted.text
    job_id = submitted.json()["job_id"]
    wait_until(
        lambda: job(system, job_id)["status"] in ("completed", "failed"),
        timeout=60,
        what=lambda: system.output("far"),
    )

    ended = job(system, job_id)
    assert (ended["status"], ended["robot_id"], ended["variables"]["total"]) == ("completed", "far", 15), ended
    assert [one["node_id"] for one in ended["node_executions"]] == ["start", "set", "end"]
    assert not list((system.folder / "far" / "work").iterdir())


def test_a_robot_uses_secrets_and_shows_them_nowhere_and_calls_where_the_server_lets_it(system: System) -> None:
    secret = "what the postman knows"
    start_robot(system, "far", "--enrolment-key", enrolment_key(system))
    wait_until(lambda: "far" in robots(system), timeout=30, what=lambda: system.output("far"))
    assert admin(system).put("/api/v1/secrets/mail", json={"value": secret}).status_code == 200
    nodes = [
        {"id": "set", "type": "SetVariableNode", "config": {"variable_name": "header", "value": "{{secrets.mail}}!"}},
        {"id": "len", "type": "EvalExpressionNode", "config": {"expression": "len(secrets.mail)"}},
        {"id": "call", "type": "HTTPRequestNode", "config": {"url": f"{system.url}/health/live"}},
    ]
    connections = [
        {"source_node": source, "source_port": "exec_out", "target_node": target, "target_port": "exec_in"}
        for source, target in (("set", "len"), ("len", "call"))
    ]
    body = {
        "workflow_name": "far away",
        "workflow_json": {"nodes": nodes, "connections": connections},
        "execution_mode": "internet",
    }

    job_id = admin(system).post("/api/v1/workflows", json=body).json()["job_id"]

    wait_until(
        lambda: job(system, job_id)["status"] in ("completed", "failed"), timeout=60, what=lambda: system.output("far")
    )
    ended = job(system, job_id)
    assert (ended["status"], ended["robot_id"]) == ("completed", "far"), ended
    assert (ended["variables"]["header"], ended["outputs"]["len"]["result"]) == ("***!", len(secret))
    assert ended["outputs"]["call"]["status_code"] == 200
    files = [path for path in system.folder.rglob("*") if path.is_file()]
    assert [path for path in files if secret.encode() in path.read_bytes()] == []


def test_a_robot_that_is_stopped_gives_back_what_it_has_not_finished(system: System) -> None:
    start_robot(system, "far", "--enrolment-key", enrolment_key(system))
    wait_until(lambda: "far" in robots(system), timeout=30, what=lambda: system.output("far"))
    workflow = {
        "nodes": [
            {"id": "start", "type": "StartNode"},
            {"id": "wait", "type": "WaitNode", "config": {"duration": 300}},
        ],
        "connections": [
            {"source_node": "start", "source_port": "exec_out", "target_node": "wait", "target_port": "exec_in"}
        ],
    }
    body = {"workflow_name": "slow", "workflow_json": workflow, "execution_mode": "internet"}
    job_id = admin(system).post("/api/v1/workflows", json=body).json()["job_id"]
    wait_until(lambda: job(system, job_id)["status"] == "claimed", timeout=30, what=lambda: system.output("far"))

    code = system.stop("far")

    assert (code, job(system, job_id)["status"]) == (0, "pending")
    assert "swr_" not in system.output("far")
