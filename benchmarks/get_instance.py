"""GET of one bot instance over HTTP and SQLite: Switchyard in process against FastAPI with an async ORM."""

import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

import httpx

from benchmarks.load import measure
from benchmarks.result import Row
from tests.end_to_end.system import System, wait_until
from tests.ports import free_port

TARGET = 5.0


def run() -> list[Row]:
    """Measure both, in turn, three times each; the medians count."""
    with tempfile.TemporaryDirectory() as folder, System(Path(folder)) as system:
        system.start_server()
        instance = system.create_instance()
        ours_path, peer_path = f"/api/bot-instances/{instance}", f"/api/bot-instances/{uuid.UUID(int=1)}"
        port = free_port()
        command = [sys.executable, "-m", "benchmarks.peers.fastapi_bots", str(port), f"{folder}/peer.db"]
        peer = subprocess.Popen(command)
        try:
            wait_until(lambda: up(port, peer_path), timeout=20, what=lambda: "the peer does not answer")
            pairs = [
                (rate(system.http_port, ours_path), rate(port, peer_path))
                for _ in range(3)
            ]  # fmt: skip
        finally:
            peer.terminate()
            peer.wait()
    ours, theirs = (sorted(values)[1] for values in zip(*pairs, strict=True))
    found = f"{ours / theirs:.1f} x ({ours:,.0f}/s against {theirs:,.0f}/s)"
    return [
        Row("GET of a bot instance, requests/s against FastAPI + async ORM", ">= 5 x", found, ours >= TARGET * theirs)
    ]


def up(port: int, path: str) -> bool:
    """Whether the peer answers."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def rate(port: int, path: str) -> float:
    """Requests per second of one of the two."""
    return measure(port, path, seconds=4.0).per_second
