"""A small HTTP/1.1 load generator: keep-alive connections that each send the next request when the answer is in."""

import asyncio
import time


class Connection(asyncio.Protocol):
    """One keep-alive connection that repeats one request and counts the answers."""

    def __init__(self, request: bytes, expected_status: bytes) -> None:
        self.request = request
        self.status_line = b"HTTP/1.1 " + expected_status
        self.answers = 0
        self.latencies: list[float] = []
        self.failure: str | None = None
        self._buffer = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._send()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(rest) < length:
            return
        if not head.startswith(self.status_line):
            self.failure = head.decode(errors="replace")
            self.transport.close()
            return
        self.latencies.append(time.perf_counter() - self._sent)
        self.answers += 1
        self._buffer = rest[length:]
        self._send()


async def requests_per_second(
    port: int, path: str, *, connections: int = 16, seconds: float = 4.0, method: str = "GET", headers: str = ""
) -> float:
    """Answers per second of `path` on loopback, after a short warm-up."""
    request = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}\r\n".encode()
    loop = asyncio.get_running_loop()
    clients = [
        (await loop.create_connection(lambda: Connection(request, b"200"), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    await asyncio.sleep(1.0)
    before, started = sum(c.answers for c in clients), time.perf_counter()
    await asyncio.sleep(seconds)
    rate = (sum(c.answers for c in clients) - before) / (time.perf_counter() - started)
    for client in clients:
        client.transport.close()
        if client.failure:
            raise AssertionError(client.failure)
    return rate
