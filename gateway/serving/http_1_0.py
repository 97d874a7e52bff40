"""Bodies of unknown length over uvicorn for clients of HTTP/1.0, which know no chunks: the connection's end is theirs.

uvicorn sends them chunks all the same. Source: RFC 9112, sections 6.1 and 6.3.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from gateway.http.request_body import Event, Receive, Scope, Send


def is_old(scope: Scope) -> bool:
    """Whether the client knows no chunks. Among these are proxies that nobody has told otherwise."""
    return bool(scope["http_version"] == "1.0")


class UnchunkedApp:
    """`app` for the one request of `cycle`, with a `send` that writes no chunks."""

    def __init__(self, app: Any, cycle: RequestResponseCycle) -> None:
        self._app = app
        self._cycle = cycle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request."""
        await self._app(scope, receive, UnchunkedSend(self._cycle, send).send)


class UnchunkedSend:
    """Sends an answer; a body without a length as it is."""

    def __init__(self, cycle: RequestResponseCycle, send: Send) -> None:
        self._cycle = cycle
        self._send = send
        self._unmeasured = False

    @property
    def transport(self) -> asyncio.Transport:
        """The connection, as uvicorn's own `send` has it."""
        return self._cycle.transport

    async def send(self, event: Event) -> None:
        """Send one event."""
        if event["type"] == "http.response.start":
            self._unmeasured = all(name != b"content-length" for name, _ in event["headers"])
            if self._unmeasured:
                self._cycle.chunked_encoding = False
        elif self._unmeasured:
            # uvicorn counts down from the length that was told; each piece is told by itself.
            self._cycle.expected_content_length = len(event.get("body", b""))
        await self._send(event)
