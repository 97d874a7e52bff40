"""A connection of uvicorn that has trailers, spares old clients chunks, and refuses what is no HTTP in our shape."""

import asyncio
from typing import Any, Final

import grpc
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from gateway.app import Gateway
from gateway.errors import BadRequest, GatewayError
from gateway.serving.http_1_0 import UnchunkedApp, is_old
from gateway.serving.http_trailers import TrailingApp, may_have_trailers

# Bytes in a row that are no body: a head, trailers, extensions of chunks. The parser has no limit of its own. RFC 9112,
# section 3, asks for 8,000 bytes of request line at least; Node.js takes 16 KiB, nginx 32.
MAX_HEAD_BYTES: Final = 64 * 1024


class HeadTooLarge(GatewayError):
    """Headers or trailers are longer than anybody needs (RFC 6585, section 5)."""

    def __init__(self) -> None:
        message = f"the request line and headers must have at most {MAX_HEAD_BYTES} bytes together"
        super().__init__(grpc.StatusCode.RESOURCE_EXHAUSTED, message, http_status=431)


class HttpConnection(HttpToolsProtocol):
    """Give this class to `uvicorn.Config` as `http`; the application must be a `Gateway`."""

    head_seconds = 30.0
    """A head that takes longer to come is not meant to end."""
    _bytes_beside_body = 0
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin; a connection that asks nothing is closed after a while, as one is that asks nothing more."""
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._stop_head_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; close the connection when too many of them come, or too slowly, before a body does."""
        self._bytes_beside_body += len(data)
        super().data_received(data)
        # Most requests come in one piece, and none of it is left.
        if self._bytes_beside_body:
            self._bound_head()

    def on_headers_complete(self) -> None:
        """End the head."""
        self._bytes_beside_body = 0
        if self._head_timer is not None:
            self._stop_head_timer()
        super().on_headers_complete()
        # uvicorn adds trailers to the list of headers, and they must not pass for some (RFC 9110, section 6.5.1).
        self.scope["headers"] = list(self.headers)

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._bytes_beside_body = 0
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's own words
        """Answer bytes that are no HTTP request, and close; nobody knows where the next request would begin."""
        self._refuse(BadRequest("the request must be valid HTTP"))

    def _refuse(self, error: GatewayError) -> None:
        app = self.config.loaded_app
        if not isinstance(app, Gateway):
            raise TypeError("HttpConnection serves a Gateway only")
        status, headers, body = app.refuse_unreadable(error, self.client[0] if self.client else "")
        lines = [b"%b: %b\r\n" % header for header in [*self.server_state.default_headers, *headers]]
        cycle = self.cycle
        if cycle is None or cycle.response_complete or not cycle.response_started:
            self.transport.write(b"".join([STATUS_LINE[status], *lines, b"connection: close\r\n\r\n", body]))
        # Else an answer breaks off, which tells enough; a second one within it would be taken for a part of it.
        self.transport.close()

    def _bound_head(self) -> None:
        if self.transport.is_closing():
            return
        if self._bytes_beside_body > MAX_HEAD_BYTES:
            self._refuse(HeadTooLarge())
        elif self._head_timer is None and "method" not in (self.scope or ()):
            # uvicorn knows the method when the head is complete.
            self._head_timer = self.loop.call_later(self.head_seconds, self.transport.close)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        scope: Any = cycle.scope
        if may_have_trailers(scope):
            app = TrailingApp(app, cycle)
        elif is_old(scope):
            app = UnchunkedApp(app, cycle)
        super()._start_asgi_task(cycle, app)
