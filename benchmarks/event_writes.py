"""Events of browser sessions, each on disk before it is answered: one by one, in batches, and as a stream over gRPC."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import orjson

from benchmarks.load import measure
from benchmarks.result import Row, percentile
from switchyard.telemetry.v1 import event_service_pb2, event_service_pb2_grpc
from tests.end_to_end.system import System, wait_until
from tests.ports import free_port

CLIENTS, ROUNDS, SECONDS = 32, 3, 4.0
OF_PEER, PER_SECOND = 8.0, 50_000
EVENTS, BATCH = 200_000, 1_000
KEY = "k" * 40
# As one address sends all of it, nothing is measured but the limit unless it is off.
SETTINGS = {"API_KEY": KEY, "RATE_LIMIT_PER_MINUTE": "0", "ACCESS_LOG": "false"}
HEADERS = {"X-API-Key": KEY}
DETAILS: dict[str, Any] = {"url": "https://example.com/feed", "load_time_ms": 1500}
EVENT = {"session_id": "s-1", "event_type": "navigation", "details": DETAILS}


def run() -> list[Row]:
    """The single events beside the peer, in turn; then the batches and the stream."""
    with tempfile.TemporaryDirectory() as folder, System(Path(folder), SETTINGS) as system, peer(folder) as port:
        system.start_server()
        register(system)
        rounds = [(one_by_one(system.http_port), one_by_one(port)) for _ in range(ROUNDS)]
        batches, stream = in_batches(system), as_stream(system)
    ours, theirs = (percentile(list(rates), 0.5) for rates in zip(*rounds, strict=True))
    found = f"{ours / theirs:.1f} x ({ours:,.0f}/s against {theirs:,.0f}/s)"
    return [
        Row("POST /api/events, 32 clients, against FastAPI + async ORM", ">= 8 x", found, ours >= OF_PEER * theirs),
        Row("POST /api/events/batch, events stored", ">= 50,000/s", f"{batches:,.0f}/s", batches >= PER_SECOND),
        Row("Events stored from a gRPC stream", ">= 50,000/s", f"{stream:,.0f}/s", stream >= PER_SECOND),
    ]


@contextmanager
def peer(folder: str) -> Iterator[int]:
    """Run the peer and yield its port."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.peers.fastapi_events", str(port), f"{folder}/peer.db"]
    process = subprocess.Popen(command)
    try:
        wait_until(lambda: up(port), timeout=20, what=lambda: "the peer does not answer")
        yield port
    finally:
        process.terminate()
        process.wait()


def up(port: int) -> bool:
    """Whether the peer answers."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/api/health", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def register(system: System) -> None:
    """Register the session that all events belong to."""
    body = {"session_id": "s-1", "profile_id": "p", "proxy": "1.2.3.4:12321", "device": "desktop"}
    system.client.post("/api/sessions/register", json=body, headers=HEADERS).raise_for_status()


def one_by_one(port: int) -> float:
    """Events per second, one in each request."""
    body = orjson.dumps(EVENT)
    load = measure(port, "/api/events", connections=CLIENTS, seconds=SECONDS, method="POST", body=body, headers=HEADERS)
    return load.per_second


def in_batches(system: System) -> float:
    """Events per second in batches of 1,000, four of them under way."""
    body = orjson.dumps({"events": [EVENT] * BATCH})
    load = measure(
        system.http_port,
        "/api/events/batch",
        connections=4,
        seconds=SECONDS,
        method="POST",
        body=body,
        headers=HEADERS,
    )
    return load.per_second * BATCH


def as_stream(system: System) -> float:
    """Events per second over one stream, from the first one sent to the last one acknowledged."""
    requests = [batch(first) for first in range(1, EVENTS + 1, BATCH)]
    opening = event_service_pb2.IngestEventsRequest(producer_id="bench")
    with grpc.insecure_channel(f"127.0.0.1:{system.grpc_port}") as channel:
        stub = event_service_pb2_grpc.EventServiceStub(channel)
        started = time.perf_counter()
        for answer in stub.IngestEvents(iter([opening, *requests]), metadata=(("x-api-key", KEY),)):
            if answer.refused:
                raise AssertionError(answer)
            if answer.acknowledged_position == EVENTS:
                break
        return EVENTS / (time.perf_counter() - started)


def batch(first: int) -> event_service_pb2.IngestEventsRequest:
    """Made beforehand: only storing is measured."""
    details = orjson.dumps(DETAILS).decode()
    request = event_service_pb2.IngestEventsRequest(first_position=first)
    for _ in range(BATCH):
        event = request.events.add(session_id="s-1", event_type="navigation", details=details)
        event.event_time.FromSeconds(1_700_000_000)
    return request
