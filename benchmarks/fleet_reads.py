"""What is read of a million jobs, and what is read one by one, beside a peer."""

import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from benchmarks import job_store
from benchmarks.load import measure
from benchmarks.orchestrator import SETTINGS, headers, publish_node_types
from benchmarks.peers.fastapi_jobs import token
from benchmarks.result import Row
from benchmarks.rounds import Rounds
from benchmarks.workflow_submits import WORKFLOW
from tests.end_to_end.system import System, wait_until
from tests.ports import free_port

MANY, SECONDS, ROUNDS, OF_PEER = 1_000_000, 3.0, 3, 5.0
LIMITS_MS = {
    "/api/v1/metrics/fleet": 10.0,
    "/api/v1/metrics/jobs": 10.0,
    "/api/v1/metrics/jobs?status=failed&workflow_id=w-10&robot_id=robot-0&limit=500": 10.0,
    "/api/v1/metrics/analytics?days=90": 100.0,
}


def run() -> list[Row]:
    """The large store first, then a small one beside the peer."""
    with tempfile.TemporaryDirectory() as folder:
        return [*large(Path(folder) / "many"), *beside_the_peer(Path(folder) / "few")]


def large(folder: Path) -> list[Row]:
    """Milliseconds of each call over a million jobs."""
    folder.mkdir()
    with System(folder, SETTINGS) as system:
        system.start_server()
        system.stop("server")
        path = system.data_dir / "switchyard.db"
        job_store.fill(path, MANY)
        system.start_server()
        # All figures are right from the start, and fast once the jobs are summed.
        wait_until(lambda: job_store.unsummed(path) == 0, timeout=900, what=lambda: "the jobs are not summed")
        sent = headers(system)
        return [interactive(system, sent, path, limit) for path, limit in LIMITS_MS.items()]


def interactive(system: System, sent: dict[str, str], path: str, limit_ms: float) -> Row:
    """A row about one call."""
    rate = measure(system.http_port, path, connections=1, seconds=SECONDS, headers=sent).per_second
    took = 1000 / rate
    return Row(f"GET {path} at 1,000,000 jobs", f"<= {limit_ms:g} ms", f"{took:.1f} ms", took <= limit_ms)


def beside_the_peer(folder: Path) -> list[Row]:
    """Requests per second of three GETs, ours and the peer's in turn."""
    folder.mkdir()
    with System(folder, SETTINGS) as system, peer(folder / "peer.db") as port:
        system.start_server()
        publish_node_types(system, ["StartNode", "SetVariableNode", "LogNode", "EndNode"])
        sent = headers(system)
        answer = system.client.post("/api/v1/workflows", json=WORKFLOW, headers=sent).raise_for_status().json()
        for _ in range(200):
            system.client.post(f"/api/v1/workflows/{answer['workflow_id']}/run", json={}, headers=sent)
        same = str(uuid.UUID(int=1))
        pairs = {
            "a workflow": (f"/api/v1/workflows/{answer['workflow_id']}", f"/api/v1/workflows/{same}"),
            "a job": (f"/api/v1/metrics/jobs/{answer['job_id']}", f"/api/v1/metrics/jobs/{same}"),
            "50 jobs": ("/api/v1/metrics/jobs", "/api/v1/metrics/jobs"),
        }
        return [compared(what, system.http_port, ours, sent, port, theirs) for what, (ours, theirs) in pairs.items()]


def compared(what: str, port: int, path: str, sent: dict[str, str], peer_port: int, peer_path: str) -> Row:
    """A row about one GET."""
    theirs: dict[str, str] = {"Authorization": f"Bearer {token()}"}

    def rate(port: int, path: str, headers: dict[str, str]) -> float:
        return measure(port, path, seconds=SECONDS, headers=headers).per_second

    rounds = Rounds(
        [{"ours": rate(port, path, sent), "peer": rate(peer_port, peer_path, theirs)} for _ in range(ROUNDS)]
    )
    ratio = rounds.ratio("ours", "peer")
    found = f"{ratio:.1f} x ({rounds.rates('ours', 'peer')})"
    return Row(f"GET of {what}, requests/s against FastAPI + async ORM", ">= 5 x", found, ratio >= OF_PEER)


@contextmanager
def peer(path: Path) -> Iterator[int]:
    """Run the peer and yield its port."""
    port = free_port()
    process: subprocess.Popen[Any] = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.peers.fastapi_jobs", str(port), str(path)]
    )
    try:
        wait_until(lambda: up(port), timeout=20, what=lambda: "the peer does not answer")
        yield port
    finally:
        process.terminate()
        process.wait()


def up(port: int) -> bool:
    """Whether the peer answers."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
