"""A thousand WebSocket readers of /ws at 20 events/s, and one that takes nothing: how late an event arrives."""

import asyncio
import base64
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import orjson

from benchmarks.result import Row, percentile
from tests.end_to_end.system import System

READERS, EVENTS, PER_SECOND = 1_000, 400, 20
TARGET_MS = 250.0
KEY = "k" * 40
SETTINGS = {"API_KEY": KEY, "RATE_LIMIT_PER_MINUTE": "0", "ACCESS_LOG": "false"}
HEADERS = {"X-API-Key": KEY}
SENT = b'"sent":'


class Reader(asyncio.Protocol):
    """One reader. Every event carries the time it was sent at; frames are looked through, not taken apart."""

    def __init__(self, port: int) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        self._request = (
            f"GET /ws?types=event HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        ).encode()
        self.late_ms: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now = time.time()
        at = data.find(SENT)
        while at >= 0:
            at += len(SENT)
            self.late_ms.append((now - float(data[at : data.find(b"}", at)])) * 1000)
            at = data.find(SENT, at)


class StuckReader(Reader):
    """Never reads what it is sent."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()


def run() -> list[Row]:
    """Readers in a process of their own, so that the writer's clock is not held up by them."""
    with tempfile.TemporaryDirectory() as folder, System(Path(folder), SETTINGS) as system:
        system.start_server()
        with httpx.Client(base_url=system.url, headers=HEADERS, trust_env=False) as client:
            client.post("/api/sessions/register", json={"session_id": "s", "profile_id": "p"}).raise_for_status()
            command = [sys.executable, "-m", "benchmarks.live_readers", str(system.http_port)]
            readers = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            assert readers.stdout is not None
            readers.stdout.readline()
            write(client)
            time.sleep(2)
            late_ms, missing = orjson.loads(readers.communicate(b"\n")[0])
    p99 = percentile(late_ms, 0.99)
    return [
        Row("1,000 WebSocket readers at 20 events/s, p99", "<= 250 ms", f"{p99:.0f} ms", p99 <= TARGET_MS),
        Row("1,000 WebSocket readers at 20 events/s, events missing", "0", str(missing), missing == 0),
    ]


def write(client: httpx.Client) -> None:
    """Send the events, each at its time."""
    began = time.monotonic()
    for number in range(EVENTS):
        time.sleep(max(0.0, began + number / PER_SECOND - time.monotonic()))
        body = {"session_id": "s", "event_type": "navigation", "details": {"sent": time.time()}}
        client.post("/api/events", json=body).raise_for_status()


async def read(port: int) -> tuple[list[float], int]:
    """Open the readers, say so, and read until a line comes; return what each event took, and how many are missing."""
    loop = asyncio.get_running_loop()
    kinds = [Reader] * READERS + [StuckReader]
    opened = [await loop.create_connection(lambda kind=kind: kind(port), "127.0.0.1", port) for kind in kinds]  # type: ignore[misc]
    await asyncio.sleep(2)
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    readers = [reader for _, reader in opened[:READERS]]
    late_ms = [each for reader in readers for each in reader.late_ms]
    return late_ms, READERS * EVENTS - len(late_ms)


if __name__ == "__main__":
    sys.stdout.buffer.write(orjson.dumps(asyncio.run(read(int(sys.argv[1])))))
