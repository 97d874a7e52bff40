"""What watchers see: over gRPC, over a WebSocket as the document prints it, and as Server-Sent Events."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from gateway.serving.http_connection import HttpConnection
from gateway.serving.socket_connection import SocketConnection
from server.listening import HttpListener, bind
from switchyard.telemetry.v1 import event_service_pb2
from switchyard.telemetry.v1 import live_service_pb2 as pb
from switchyard.telemetry.v1.live_service_pb2 import WatchResponse
from switchyard.telemetry.v1.session_pb2 import NewEvent
from tests.integration.database.databases import USUAL_DIALECT
from tests.integration.telemetry.serving import API_KEY, Telemetry, bearer, refused

NOON = 1_769_688_000_000_000

pytestmark = pytest.mark.parametrize("telemetry", [USUAL_DIALECT], indirect=True)


@asynccontextmanager
async def listening(telemetry: Telemetry) -> AsyncIterator[str]:
    """Serve HTTP on a real port and give its address, without the scheme."""
    bound = bind("PORT", "127.0.0.1", 0)
    listener = HttpListener(telemetry.gateway, bound, HttpConnection, SocketConnection)
    task = asyncio.create_task(listener.run_until_stopped())
    yield f"127.0.0.1:{listener.port}"
    telemetry.gateway.close_streams()
    listener.stop()
    await task


async def hear(socket: ClientConnection, count: int = 1) -> list[dict[str, Any]]:
    """Read messages; those that tell totals come at a time of their own and are left out."""
    heard: list[dict[str, Any]] = []
    while len(heard) < count:
        message = json.loads(await socket.recv())
        if message["type"] != "stats_update":
            heard.append(message)
    return heard


async def log_three(telemetry: Telemetry) -> None:
    """Log an event by each way there is: alone, with a key, in a batch."""
    event: dict[str, Any] = {"session_id": "s1", "event_type": "click"}
    await telemetry.http.post("/api/events", json=event | {"details": {"n": 1}})
    await telemetry.http.post("/api/events", json=event | {"details": {"n": 2}}, headers={"Idempotency-Key": "k"})
    await telemetry.http.post("/api/events", json=event | {"details": {"n": 2}}, headers={"Idempotency-Key": "k"})
    await telemetry.http.post("/api/events/batch", json={"events": [event | {"details": {"n": 3}}]})


async def ingest_one(telemetry: Telemetry) -> None:
    event = NewEvent(session_id="s1", event_type="click")
    event.details = '{"n":4}'
    requests = [event_service_pb2.IngestEventsRequest(producer_id="p", first_position=1, events=[event])] * 2
    async for _ in telemetry.events.IngestEvents(iter(requests), metadata=API_KEY):
        pass


async def test_messages_are_as_the_document_prints_them(telemetry: Telemetry) -> None:
    telemetry.clock.stopped_at = NOON
    async with listening(telemetry) as address, connect(f"ws://{address}/ws") as socket:
        await telemetry.register("abc123", profile_id="profile_1", device="desktop", proxy="1.2.3.4:12321")
        event = {"session_id": "abc123", "event_type": "navigation", "details": {"url": "https://example.com"}}
        await telemetry.http.post("/api/events", json=event)
        await telemetry.end("abc123", success=True, duration=15.0)
        messages = await hear(socket, 3)

    cursors = [message.pop("cursor") for message in messages]
    assert len(set(cursors)) == 3
    time = "2026-01-29T12:00:00+00:00"
    assert messages == [
        {
            "type": "session_start",
            "timestamp": time,
            "data": {
                "session_id": "abc123",
                "profile_id": "profile_1",
                "device": "desktop",
                "proxy": "1.2.3.4:12321",
                "country": None,
            },
        },
        {"type": "event", "timestamp": time, "data": event},
        {
            "type": "session_end",
            "timestamp": time,
            "data": {"session_id": "abc123", "success": True, "duration": 15, "error": None},
        },
    ]


async def test_totals_come_after_a_change_as_the_document_prints_them(telemetry: Telemetry) -> None:
    async with listening(telemetry) as address, connect(f"ws://{address}/ws?types=stats_update") as socket:
        await telemetry.register()
        message = json.loads(await socket.recv())

    assert message["type"] == "stats_update"
    assert message["data"] == {"total_sessions": 1, "active_sessions": 1, "success_rate": 0}
    assert '"total_sessions": 1.0' not in json.dumps(message)


async def test_events_of_every_way_in_are_seen_once(telemetry: Telemetry) -> None:
    await telemetry.register()
    async with listening(telemetry) as address, connect(f"ws://{address}/ws?session_id=s1") as socket:
        await log_three(telemetry)
        await ingest_one(telemetry)
        await telemetry.end()
        messages = await hear(socket, 5)

    assert [message["data"].get("details") for message in messages] == [{"n": 1}, {"n": 2}, {"n": 3}, {"n": 4}, None]


async def test_ping_is_answered_and_other_texts_are_not(telemetry: Telemetry) -> None:
    async with listening(telemetry) as address, connect(f"ws://{address}/ws") as socket:
        await socket.send("hello")
        await socket.send("ping")

        assert await socket.recv() == "pong"


async def test_server_sent_events_go_on_behind_the_last_one(telemetry: Telemetry) -> None:
    await telemetry.register()
    async with listening(telemetry) as address, httpx.AsyncClient(base_url=f"http://{address}") as client:
        headers = {"Accept": "text/event-stream"}
        async with client.stream("GET", "/api/live?types=event", headers=headers) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            await log_three(telemetry)
            first = await anext(ids(answer))
        headers["Last-Event-ID"] = first
        async with client.stream("GET", "/api/live?types=event", headers=headers) as answer:
            rest = ids(answer)
            others = [await anext(rest), await anext(rest)]

    boot, _, number = first.partition("-")
    assert others[0] > first
    assert all(other.startswith(boot) for other in others)
    assert int(number) < int(others[0].partition("-")[2]) < int(others[1].partition("-")[2])


async def ids(answer: httpx.Response) -> AsyncIterator[str]:
    async for line in answer.aiter_lines():
        if line.startswith("id:"):
            yield line.removeprefix("id:").strip()


async def test_what_is_no_cursor_is_refused_before_the_stream_begins(telemetry: Telemetry) -> None:
    answer = await telemetry.http.get("/api/live?after=x", headers={"Accept": "text/event-stream"})

    assert answer.status_code == 400
    assert answer.json()["detail"] == "after must be the cursor of a message"


async def test_nothing_is_missed_once_the_call_has_begun(telemetry: Telemetry) -> None:
    call = telemetry.live.Watch(pb.WatchRequest(), metadata=API_KEY)
    await call.initial_metadata()

    await telemetry.register()

    message = await call.read()
    assert isinstance(message, WatchResponse)
    assert message.type == WatchResponse.TYPE_SESSION_START
    call.cancel()


async def test_a_caller_that_belongs_to_a_tenant_is_refused(telemetry: Telemetry) -> None:
    code, _ = await refused(telemetry.live.Watch(pb.WatchRequest(), metadata=bearer("ann")).read())

    assert code is grpc.StatusCode.PERMISSION_DENIED


async def test_a_reader_that_does_not_read_is_told_of_the_gap_and_the_others_get_everything(
    telemetry: Telemetry,
) -> None:
    """Its connection takes what its buffers hold, which is far less than what is told here."""
    await telemetry.register()
    stuck, quick = (telemetry.live.Watch(pb.WatchRequest(), metadata=API_KEY) for _ in range(2))
    await stuck.initial_metadata()
    await quick.initial_metadata()
    events = [{"session_id": "s1", "event_type": "click", "details": {"text": "x" * 200}}] * 1_000

    for _ in range(24):
        answer = await telemetry.http.post("/api/events/batch", json={"events": events})
        assert answer.status_code == 200
        assert await read(quick, 1_000) == 1_000

    seen = 0
    async for message in stuck:
        seen += 1
        if message.type == WatchResponse.TYPE_GAP:
            break
    assert seen < 24_000
    stuck.cancel()
    quick.cancel()


async def read(call: Any, count: int) -> int:
    """Read `count` events."""
    events = 0
    async for message in call:
        events += message.type == WatchResponse.TYPE_EVENT
        if events == count:
            break
    return events


async def test_a_watcher_that_leaves_is_forgotten(telemetry: Telemetry) -> None:
    async with listening(telemetry) as address:
        async with connect(f"ws://{address}/ws"):
            assert telemetry.services.hub.watched
        while telemetry.services.hub.watched:
            await asyncio.sleep(0.01)


async def test_a_stopping_server_closes_the_sockets(telemetry: Telemetry) -> None:
    async with listening(telemetry) as address:
        socket = await connect(f"ws://{address}/ws")
    with pytest.raises(ConnectionClosed):
        await socket.recv()
