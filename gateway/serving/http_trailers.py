"""Trailers over uvicorn, which has no `http.response.trailers` of its own.

Source: RFC 9112, section 7.1.2, and https://asgi.readthedocs.io/en/stable/extensions.html
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from gateway.http.request_body import Event, Receive, Scope, Send

EXTENSION: Final = "http.response.trailers"


def may_have_trailers(scope: Scope) -> bool:
    """Whether the client speaks of trailers at all, over a connection that has a place for them."""
    return scope["http_version"] == "1.1" and any(name == b"te" for name, _ in scope["headers"])


class TrailingApp:
    """`app` for the one request of `cycle`, with a `send` that knows trailers."""

    def __init__(self, app: Any, cycle: RequestResponseCycle) -> None:
        self._app = app
        self._cycle = cycle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request."""
        extensions = {**(scope.get("extensions") or {}), EXTENSION: {}}
        await self._app({**scope, "extensions": extensions}, receive, TrailingSend(self._cycle, send).send)


class TrailingSend:
    """Sends an answer whose body, if it was begun with `trailers`, ends with them instead of by itself."""

    def __init__(self, cycle: RequestResponseCycle, send: Send) -> None:
        self._cycle = cycle
        self._send = send
        self._promised = False

    @property
    def transport(self) -> asyncio.Transport:
        """The connection, as uvicorn's own `send` has it."""
        return self._cycle.transport

    async def send(self, event: Event) -> None:
        """Send one event."""
        kind = event["type"]
        if kind == EXTENSION:
            await self._end(event["headers"])
        elif kind == "http.response.body" and self._promised:
            await self._send({**event, "more_body": True})
        else:
            self._promised = event.get("trailers", False)
            await self._send(event)

    async def _end(self, trailers: list[tuple[bytes, bytes]]) -> None:
        if self._cycle.disconnected:
            return
        lines = [b"%b: %b\r\n" % trailer for trailer in trailers]
        self.transport.write(b"".join([b"0\r\n", *lines, b"\r\n"]))
        # The last chunk is written. What else uvicorn does at the end of a body, it does for one without chunks too.
        self._cycle.chunked_encoding = False
        await self._send({"type": "http.response.body", "body": b""})
