"""Ten thousand readers of streams on which nothing happens: what the gateway needs to keep them."""

import asyncio
import time

import psutil
import uvloop

from benchmarks.peers import items
from benchmarks.result import Row
from benchmarks.serving import application

READERS = 10_000
# Of the same order as what an idle connection costs an ASGI server by itself.
KILOBYTES, CORE_PERCENT = 50.0, 20.0
SETTLE_SECONDS, IDLE_SECONDS = 2.0, 15.0


class Reader(asyncio.Protocol):
    """One reader. `opened` is counted up with its first event."""

    opened = 0

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._waiting = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(self._request)  # type: ignore[attr-defined]  # uvloop's transports only look like one

    def data_received(self, data: bytes) -> None:
        if self._waiting and b"data:" in data:
            self._waiting = False
            Reader.opened += 1


def run() -> list[Row]:
    """Open all streams, then watch the server while only heartbeats are sent."""
    with application("gateway_items") as port:
        server = next(p for p in psutil.Process().children(recursive=True) if str(port) in p.cmdline())
        before = server.memory_info().rss
        percent, after = uvloop.run(hold(port, server))
    kilobytes = (after - before) / READERS / 1000
    return [
        Row("10,000 idle SSE streams, memory of each", "<= 50 kB", f"{kilobytes:.1f} kB", kilobytes <= KILOBYTES),
        Row("10,000 idle SSE streams, CPU", "<= 20 % of a core", f"{percent:.1f} %", percent <= CORE_PERCENT),
    ]


async def hold(port: int, server: psutil.Process) -> tuple[float, float]:
    """Open the streams. Returns the share of a core the server needs for them, in percent, and its memory in bytes."""
    head = f"GET {items.WATCH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/event-stream\r\n\r\n"
    loop = asyncio.get_running_loop()
    for _ in range(READERS):
        await loop.create_connection(lambda: Reader(head.encode()), "127.0.0.1", port)
    deadline = time.monotonic() + 40
    while Reader.opened < READERS:
        if time.monotonic() > deadline:
            raise AssertionError(f"only {Reader.opened} streams have opened")
        await asyncio.sleep(0.1)
    await asyncio.sleep(SETTLE_SECONDS)
    started = cpu_seconds(server)
    await asyncio.sleep(IDLE_SECONDS)
    return (cpu_seconds(server) - started) / IDLE_SECONDS * 100, float(server.memory_info().rss)


def cpu_seconds(process: psutil.Process) -> float:
    """Seconds of CPU a process has used."""
    times = process.cpu_times()
    return float(times.user + times.system)
