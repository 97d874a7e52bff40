"""A small HTTP/1.1 load generator: keep-alive connections that each send the next request when the answer is in.

It runs in a process of its own beside the server, one core for each; an answer costs it less than any of the servers
measured here.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, cast

import uvloop

from benchmarks.result import percentile

HEAD_END: Final = b"\r\n\r\n"
LENGTH: Final = b"\r\ncontent-length: "


@dataclass(frozen=True)
class Load:
    """What a server did under load."""

    per_second: float
    p99_ms: float


class Connection(asyncio.Protocol):
    """One keep-alive connection that repeats one request and keeps how long each answer took."""

    def __init__(self, request: bytes, expected_status: bytes) -> None:
        self.request = request
        self.status_line = b"HTTP/1.1 " + expected_status
        self.seconds: list[float] = []
        self.failure: str | None = None
        self._buffer = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's transports only look like one
        self._send()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        end = data.find(HEAD_END)
        if end < 0 or len(data) < end + len(HEAD_END) + length_of(data):
            self._buffer = data
            return
        self._buffer = b""
        self.seconds.append(time.perf_counter() - self._sent)
        if not data.startswith(self.status_line):
            self.failure = data.decode(errors="replace")
            self.transport.close()
            return
        self._send()


def length_of(answer: bytes) -> int:
    """Bytes of the body, as the head says. Servers here write the name in small letters."""
    at = answer.find(LENGTH)
    if at < 0:
        raise AssertionError(f"an answer without length: {answer!r}")
    return int(answer[at + len(LENGTH) : answer.find(b"\r", at + len(LENGTH))])


async def load(request: bytes, port: int, *, connections: int, seconds: float) -> Load:
    """Repeat `request` on loopback: a short warm-up, then what happens within `seconds`."""
    loop = asyncio.get_running_loop()
    clients = [
        (await loop.create_connection(lambda: Connection(request, b"200"), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    await asyncio.sleep(0.5)
    for client in clients:
        client.seconds.clear()
    started = time.perf_counter()
    await asyncio.sleep(seconds)
    elapsed = time.perf_counter() - started
    took = [each for client in clients for each in client.seconds]
    for client in clients:
        client.transport.close()
        if client.failure:
            raise AssertionError(client.failure)
    return Load(len(took) / elapsed, percentile(took, 0.99) * 1000)


def measure(
    port: int,
    path: str,
    *,
    connections: int = 16,
    seconds: float = 2.0,
    method: str = "GET",
    body: bytes = b"",
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Load:
    """Load one path of a server on loopback."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    request = head.encode() + b"\r\n" + body
    return uvloop.run(load(request, port, connections=connections, seconds=seconds))
