"""A producer under which the server is killed, as a real process."""

import asyncio
import csv
import io
from collections import Counter
from pathlib import Path
from typing import Any

import grpc

from switchyard.telemetry.v1 import event_service_pb2_grpc
from tests.end_to_end.system import System
from tests.integration.telemetry.test_ingest import message, numbered

KEY = "a-key-of-this-test-alone"
LAST = 50_000
MESSAGE_EVENTS = 500
# The server is killed when so much is acknowledged, with more on its way.
KILLS = (8_000, 31_000)


async def test_events_of_a_producer_are_stored_once_whenever_the_server_is_killed(tmp_path: Path) -> None:
    with System(tmp_path, {"API_KEY": KEY}) as system:
        system.start_queue()
        await asyncio.to_thread(system.start_server)
        body = {"session_id": "s1", "profile_id": "p1"}
        assert system.client.post("/api/sessions/register", json=body, headers={"X-API-Key": KEY}).status_code == 200

        for kill in KILLS:
            assert await produce(system, until=kill, kill=True) < LAST
            await asyncio.to_thread(system.start_server)
        assert await produce(system, until=LAST) == LAST

        exported = system.client.get("/api/events/export", headers={"X-API-Key": KEY}).text
        listed = system.client.get("/api/events", headers={"X-API-Key": KEY}).json()
        stored = [details.removeprefix('{"position":').removesuffix("}") for *_, details in rows(exported)]
        assert Counter(stored) == Counter(str(position) for position in range(1, LAST + 1))
        assert stored == sorted(stored, key=int)
        assert listed["total"] == LAST


def rows(text: str) -> list[list[str]]:
    """The rows behind the header."""
    return list(csv.reader(io.StringIO(text, newline="")))[1:]


async def produce(system: System, *, until: int, kill: bool = False) -> int:
    """Send from the acknowledged position on, as fast as the server takes it, until `until` is acknowledged.

    Returns what is acknowledged then. `kill` ends the server at this moment, with what was sent behind it on its way.
    """
    async with grpc.aio.insecure_channel(f"127.0.0.1:{system.grpc_port}") as channel:
        stub: Any = event_service_pb2_grpc.EventServiceStub(channel)
        call = stub.IngestEvents(metadata=(("x-api-key", KEY),))
        await call.write(message(producer_id="agent-1"))
        acknowledged = int((await call.read()).acknowledged_position)
        sending = asyncio.create_task(send(call, acknowledged + 1))
        while acknowledged < until:
            answer = await call.read()
            assert answer.acknowledged_position > acknowledged
            assert not answer.refused
            acknowledged = answer.acknowledged_position
        if kill:
            system.kill("server")
        sending.cancel()
        await asyncio.wait([sending])
    return acknowledged


async def send(call: Any, first: int) -> None:
    for position in range(first, LAST + 1, MESSAGE_EVENTS):
        await call.write(message(position, numbered(position, min(MESSAGE_EVENTS, LAST + 1 - position))))
