"""A job that does next to nothing, from its submit to its end, through a worker and processes of its own."""

import tempfile
import time
from pathlib import Path

import httpx

from benchmarks.orchestrator import SETTINGS, headers
from benchmarks.result import Row, percentile
from tests.end_to_end.system import System, wait_until

JOBS = 100
MEDIAN_MS = 40.0
WORKFLOW = {
    "nodes": [{"id": "start", "type": "StartNode"}, {"id": "end", "type": "EndNode"}],
    "connections": [
        {"source_node": "start", "source_port": "exec_out", "target_node": "end", "target_port": "exec_in"},
    ],
}
BODY = {"workflow_name": "nothing", "workflow_json": WORKFLOW}


def run() -> list[Row]:
    """One job after the other."""
    with tempfile.TemporaryDirectory() as folder, System(Path(folder), SETTINGS) as system:
        system.start()
        with httpx.Client(base_url=system.url, headers=headers(system), trust_env=False) as client:
            wait_until(
                lambda: bool(client.get("/api/v1/node-types").json()), timeout=30, what=lambda: system.output("worker")
            )
            times = [milliseconds(client) for _ in range(JOBS + 5)][5:]
    median = percentile(times, 0.5)
    return [Row("No-op job, submit to completed, median", "<= 40 ms", f"{median:.0f} ms", median <= MEDIAN_MS)]


def milliseconds(client: httpx.Client) -> float:
    """Milliseconds from the submit of a job until the stream of its log says that it has ended."""
    started = time.perf_counter()
    job_id = client.post("/api/v1/workflows", json=BODY).raise_for_status().json()["job_id"]
    with client.stream("GET", f"/api/v1/jobs/{job_id}/logs/stream") as answer:
        end = [line for line in answer.iter_lines() if line.startswith("data:")][-1]
    took = (time.perf_counter() - started) * 1000
    assert '"completed"' in end, end
    return took
