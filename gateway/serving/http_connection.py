"""A connection that speaks HTTP/1.1 for uvicorn, which keeps the sockets, TLS, signals and the stop.

uvicorn's own protocol answers in words of its own, has no trailers, and costs as much as the gateway. This one hands
requests to the application as any ASGI server does; there is no access log, as the gateway has one.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.server import ServerState

from gateway.app import Gateway
from gateway.calls.connection import has_hung_up
from gateway.errors import GatewayError
from gateway.errors.body import PLAIN, Refusal, refuse
from gateway.http.exchange import JSON
from gateway.serving.http_answer import HttpAnswer, whole_answer
from gateway.serving.http_flow import Flow
from gateway.serving.http_reader import HttpReader, SocketAsked
from gateway.serving.http_request import HttpRequest
from gateway.serving.http_scope import Scopes
from gateway.serving.patience import Patience
from gateway.serving.refusals import BodyStopped, NoAnswer, Overloaded, Stopped
from gateway.serving.socket_connection import check_handshake

log = logging.getLogger(__name__)

# Read at once. Loops give up to 256 KiB, in which ten thousand requests may stand; they are not to wait as objects.
SLICE_BYTES: Final = 16 * 1024
# Whoever is told the last word while it is still sending may read it so long (RFC 9112, section 9.6).
LINGER_SECONDS: Final = 2.0


class HttpConnection(asyncio.Protocol):
    """Give this class to `uvicorn.Config` as `http`.

    It refuses in the shape of the application, which is a `Gateway`; any other is served too, and has the plain shape.
    """

    head_seconds = 30.0
    """A head that takes longer to come is not meant to end."""
    body_seconds = 30.0
    """A body with a length of which nothing comes for so long, while the application waits for it, is not meant to end
    either, and neither is one that nobody wants any more. See `HttpRequest.may_stall`."""

    _flow: Flow
    """From the beginning of the connection on, like the next three."""
    _scopes: Scopes
    _transport: Any
    _reader: HttpReader
    # The request that is being answered, and its answer.
    _request: HttpRequest | None = None
    _answer: HttpAnswer | None = None
    _unread = b""
    """Was received and waits, as the connection is paused."""
    _in_head = False
    """Nothing but a part of a head has come, and patience with it is limited."""
    _unsent_bytes = 0
    """What the client had not taken when that was looked at last."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        if not config.loaded:
            config.load()
        self._config = config
        self._server_state = server_state
        self._app_state = app_state
        self._keep_alive_seconds: float = config.timeout_keep_alive
        self._most_at_once = config.limit_concurrency
        self._app = config.loaded_app
        # uvicorn may have put an application of its own before it.
        self._gateway = config.app if isinstance(config.app, Gateway) else config.loaded_app
        self._loop = _loop or asyncio.get_running_loop()
        self._patience = Patience(self._loop, self._lose_patience)
        # What is to be done when the present answer is complete.
        self._queue: deque[HttpRequest | Callable[[], None]] = deque()

    # As asyncio has it.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; a connection that asks nothing is closed after a while, as one is that asks nothing more."""
        self._transport = transport
        self._server_state.connections.add(self)  # type: ignore[arg-type]
        self._flow = Flow(self._transport, self._server_state, self._answered, self._read_on, self._await_body)
        self._scopes = Scopes(self._transport, self._config, self._app_state)
        sockets = self._config.ws_protocol_class is not None
        self._reader = HttpReader(self._flow, self._scopes, self._queue.append, sockets=sockets)
        self._patience.wait(self._keep_alive_seconds)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - gone is gone
        """End."""
        self._server_state.connections.discard(self)
        self._patience.close()
        self._say_no_more()
        self._reader.close()

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        if self._reader.deaf:
            return
        if self._unread or len(data) > SLICE_BYTES:
            self._unread += data
        else:
            self._feed(data)
        if self._unread:
            self._feed_unread()

    def pause_writing(self) -> None:
        """Have the application wait until the client takes what is sent."""
        self._flow.pause_writing()

    def resume_writing(self) -> None:
        """Let the application send again."""
        self._flow.resume_writing()

    # As uvicorn's server has it.

    def shutdown(self) -> None:
        """Close when the present answer is complete."""
        if self._request is None or self._flow.gone:
            self._transport.close()
        else:
            self._request.keep_alive = False

    # Reading.

    def _feed(self, data: bytes) -> None:
        """Have `data` read, and begin with a request that has come."""
        try:
            self._unread = self._reader.read(data)
        except GatewayError as error:
            self._refuse_unreadable(error)
        except SocketAsked as asked:
            self._reader.deaf = True
            self._queue.append(partial(self._hand_over, asked.head))
        if self._queue:
            if self._request is None:
                self._advance()
            if self._queue:
                self._flow.pause_reading()
        if self._request is None and not self._reader.deaf:
            self._await_client()

    def _feed_unread(self) -> None:
        data, self._unread = self._unread, b""
        at = 0
        while at < len(data) and not (self._flow.read_paused or self._reader.deaf):
            self._feed(data[at : at + SLICE_BYTES])
            at += SLICE_BYTES
            if self._unread:
                # An upgrade that is ignored is read once more.
                data, at, self._unread = self._unread + data[at:], 0, b""
        if not self._reader.deaf:
            self._unread = data[at:]

    def _read_on(self) -> None:
        """Read again what was held back, if there is room for it."""
        reading = self._reader.reading
        if not (self._queue or (reading is not None and reading.is_full)):
            self._flow.resume_reading()
            if self._unread:
                self._feed_unread()

    def _refuse_unreadable(self, error: GatewayError) -> None:
        """Answer what cannot be read, and close; nobody knows where the next request would begin."""
        self._reader.deaf = True
        reading, self._reader.reading = self._reader.reading, None
        if self._queue and self._queue[-1] is reading:
            self._queue.pop()
        if (reading is not None and reading is self._request) or (self._answer is not None and self._answer.begun):
            self._refuse(error)
        else:
            self._queue.append(partial(self._refuse, error))
            if self._request is None:
                self._advance()

    def _hand_over(self, head: bytes) -> None:
        """Give the connection, and the request that asked for it, to uvicorn's protocol for WebSocket."""
        try:
            check_handshake(head)
        except GatewayError as error:
            self._refuse(error)
            return
        protocol: Any = self._config.ws_protocol_class
        socket = protocol(config=self._config, server_state=self._server_state, app_state=self._app_state)
        self._server_state.connections.discard(self)
        self._patience.close()
        self._flow.resume_reading()
        socket.connection_made(self._transport)
        socket.data_received(head)
        self._transport.set_protocol(socket)
        self._reader.close()

    # Answering.

    def _advance(self) -> None:
        """Begin with what comes next."""
        following = self._queue.popleft()
        if isinstance(following, HttpRequest):
            self._begin(following)
        else:
            following()

    def _begin(self, request: HttpRequest) -> None:
        self._in_head = False
        self._request = request
        self._answer = answer = HttpAnswer(self._flow, request)
        limit, state = self._most_at_once, self._server_state
        if limit is not None and (len(state.connections) >= limit or len(state.tasks) >= limit):
            self._refuse(Overloaded())
            return
        request.task = task = self._loop.create_task(self._serve(request, answer))
        state.tasks.add(task)

    async def _serve(self, request: HttpRequest, answer: HttpAnswer) -> None:
        try:
            await self._app(request.scope, request.receive, answer.send)
        except asyncio.CancelledError:
            # Nobody but a server that has waited long enough does this.
            if not answer.complete:
                self._refuse(Stopped())
            raise
        except Exception:
            log.exception("the application failed")
        finally:
            self._server_state.tasks.discard(request.task)
        if not (answer.complete or self._flow.gone):
            if has_hung_up(self._transport):
                # While nothing was read, only the application has noticed.
                self._transport.abort()
            else:
                self._refuse(NoAnswer())

    def _answered(self) -> None:
        """Go on after the present answer."""
        self._server_state.total_requests += 1
        request = self._request
        self._request = self._answer = None
        if request is not None:
            request.finish()
        if request is None or not request.keep_alive:
            self._leave(lingering=self._reader.reading is not None)
            return
        if self._queue:
            self._advance()
        else:
            self._await_client()
        if self._flow.read_paused:
            self._read_on()

    def _refuse(self, error: GatewayError) -> None:
        """Tell `error` instead of the present answer, and close; an answer that has begun breaks off instead."""
        if self._flow.gone:
            return
        # A second answer within one would be taken for a part of it.
        if self._answer is None or not self._answer.begun:
            status, headers, body = self._refusal(error)
            if self._request is not None and self._request.scope["method"] == "HEAD":
                body = b""
            self._transport.write(whole_answer(status, self._flow.own_lines(), headers, body))
        self._leave(lingering=True)

    def _refusal(self, error: GatewayError) -> Refusal:
        if isinstance(self._gateway, Gateway):
            return self._gateway.refuse_unreadable(error, self._scopes.peer)
        # Another application, with a gateway mounted in it perhaps, has no shape that is known here.
        status, headers, body = refuse(error, PLAIN)
        length = (b"content-length", b"%d" % len(body))
        return Refusal(status, [(b"content-type", JSON), length, *headers], body)

    # Ending.

    def _await_client(self) -> None:
        """Wait for the rest of a body nobody needs, which stands before the next request, or for that request."""
        if self._reader.reading is not None:
            self._patience.wait(self.body_seconds)
        elif not self._reader.bytes_beside_body:
            self._patience.wait(self._keep_alive_seconds)
        elif not self._in_head:
            self._in_head = True
            self._patience.wait(self.head_seconds)

    def _await_body(self) -> None:
        self._patience.wait(self.body_seconds)

    def _lose_patience(self) -> None:
        """Close, or refuse a body that stopped; a client that is still reading an answer has time for that."""
        if self._request is not None and not self._flow.gone:
            if self._request.body_awaited:
                self._refuse(BodyStopped())
            return
        unsent = self._transport.get_write_buffer_size()
        if not unsent:
            self._transport.close()
        elif unsent == self._unsent_bytes:
            self._transport.abort()
        else:
            self._unsent_bytes = unsent
            self._patience.wait(self.body_seconds)

    def _leave(self, *, lingering: bool) -> None:
        """Close when everything is sent; `lingering` if the client may still be sending.

        To close at once would then throw away what it has not read yet (RFC 9112, section 9.6).
        """
        self._say_no_more()
        if self._transport.is_closing():
            return
        if lingering:
            self._flow.resume_reading()
            # Over TLS an end that is told ends both directions. A client that knows where its answer ends closes first.
            if self._transport.can_write_eof():
                with suppress(OSError):  # the client is gone already
                    self._transport.write_eof()
            self._patience.wait(LINGER_SECONDS)
        else:
            self._transport.close()
            self._patience.wait(self.body_seconds)

    def _say_no_more(self) -> None:
        self._reader.deaf = True
        self._unread = b""
        self._queue.clear()
        self._flow.gone = True
        self._flow.resume_writing()
        if self._request is not None:
            self._request.finish()
