"""Logins, workflows, schedules, jobs and robots that examples need."""

import secrets
from typing import Any, Final

from tests.end_to_end.published.world import PASSWORD, World
from tests.end_to_end.system import wait_until

FINAL: Final = ("completed", "failed", "cancelled")
WORKFLOW: Final = {
    "workflow_name": "Daily Report",
    "workflow_json": {
        "nodes": [{"id": "start", "type": "StartNode"}, {"id": "end", "type": "EndNode"}],
        "connections": [{"source_node": "start", "source_port": "exec_out", "target_node": "end"}],
    },
    "metadata": {"description": "Example workflow"},
}


def login(world: World) -> None:
    """A login of its own, for examples that end or use up theirs."""
    tokens = world.ask("POST", "/api/v1/auth/login", {"username": "admin", "password": PASSWORD})
    world.values |= {"token": tokens["access_token"], "refresh_token": tokens["refresh_token"]}


def workflow(world: World) -> None:
    """One that runs nothing by itself; its node types must be known, which is so once a worker is there."""
    login(world)
    _worker(world)
    created = world.ask("POST", "/api/v1/workflows", WORKFLOW | {"trigger_type": "webhook"})
    world.values["workflow"] = created["workflow_id"]
    world.write("my_workflow.json", WORKFLOW["workflow_json"])


def schedule(world: World) -> None:
    workflow(world)
    body = {"workflow_id": world.values["workflow"], "schedule_name": "Daily Report", "cron_expression": "0 9 * * 1-5"}
    world.values["schedule"] = world.ask("POST", "/api/v1/schedules", body)["schedule_id"]


def run_job(world: World) -> None:
    """A job of a new workflow that has ended."""
    workflow(world)
    job_id = world.ask("POST", "/api/v1/workflows/<workflow>/run", {})["job_id"]
    wait_until(lambda: job(world, job_id)["status"] in FINAL, timeout=60, what=lambda: world.system.output("worker"))
    world.values["job"] = job_id


def failed_job(world: World) -> None:
    """A job that has failed, once and for all."""
    login(world)
    _worker(world)
    broken = {"nodes": [{"id": "break", "type": "BreakNode"}], "connections": []}
    created = world.ask("POST", "/api/v1/workflows", {"workflow_name": "Broken", "workflow_json": broken})
    wait_until(
        lambda: job(world, created["job_id"])["status"] == "failed",
        timeout=60,
        what=lambda: str(job(world, created["job_id"])),
    )


def robot(world: World) -> None:
    """The documented robot, whose figures have come in."""
    login(world)
    world.ask("POST", "/api/v1/robots/register", {"robot_id": "robot-001", "hostname": "desktop-abc123"})
    heartbeat(world)
    path = "/api/v1/metrics/robots/robot-001"
    wait_until(
        lambda: world.there(path) and world.ask("GET", path)["cpu_percent"] is not None,
        timeout=30,
        what=lambda: "no figures of robot-001",
    )


def heartbeat(world: World) -> None:
    body = {"cpu_percent": 45.2, "memory_mb": 1024.5, "memory_percent": 65.3}
    world.ask("POST", "/api/v1/robots/robot-001/heartbeat", body)


def use_up_limit(world: World) -> None:
    """As many requests as an address may send, of an address of its own."""
    login(world)
    world.values["somebody_else"] = f"198.51.100.{secrets.randbelow(250) + 1}"
    for _ in range(20):
        world.ask("GET", "/api/v1/metrics/analytics", headers={"x-forwarded-for": world.values["somebody_else"]})


def job(world: World, job_id: str) -> dict[str, Any]:
    found: dict[str, Any] = world.ask("GET", f"/api/v1/metrics/jobs/{job_id}")
    return found


def _worker(world: World) -> None:
    wait_until(
        lambda: bool(world.ask("GET", "/api/v1/node-types")), timeout=60, what=lambda: world.system.output("worker")
    )


GIVEN: Final = {
    "a login": login,
    "a workflow": workflow,
    "a schedule": schedule,
    "a job that ran": run_job,
    "a job that failed": failed_job,
    "a robot": robot,
    "its heartbeat": heartbeat,
    "twenty requests of somebody else": use_up_limit,
}
