"""The requests of one connection, read: what its parser finds becomes `HttpRequest`s, or a refusal."""

from collections.abc import Callable
from typing import Final

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpRequestParser

from gateway.errors import BadRequest
from gateway.http.exchange import Headers
from gateway.http.request_body import Scope
from gateway.serving.http_flow import Flow
from gateway.serving.http_request import HttpRequest
from gateway.serving.http_scope import TRAILERS, Scopes
from gateway.serving.refusals import MAX_HEAD_BYTES, CodingUnknown, HeadTooLarge

# Headers that the connection has to know about.
NOTED: Final = frozenset({b"expect", b"te", b"transfer-encoding"})


class SocketAsked(Exception):
    """A request wants the connection to become a WebSocket; `head` is all there is of it."""

    def __init__(self, head: bytes) -> None:
        super().__init__("a WebSocket is asked for")
        self.head = head


class HttpReader:
    """Gives each request to `came` when its head has come, and what follows of it to the request."""

    reading: HttpRequest | None = None
    """The request whose body is coming."""
    deaf = False
    """What the client sends from now on is thrown away."""
    bytes_beside_body = 0
    """So many have come since the last byte of a body or the last head; a part of a head, if no body is coming."""

    def __init__(self, flow: Flow, scopes: Scopes, came: Callable[[HttpRequest], None], *, sockets: bool) -> None:
        self._flow = flow
        self._scopes = scopes
        self._came = came
        self._sockets = sockets
        """Whether the connection may become a WebSocket."""
        self._parser = HttpRequestParser(self)
        self._target = b""
        self._headers: Headers = []
        self._noted: Headers = []

    def read(self, data: bytes) -> bytes:
        """Read what has come, and return what is to be read once more in its place, which is nearly always nothing.

        Raises:
            GatewayError: it cannot be read, and nobody knows where the next request would begin.
            SocketAsked: the connection is to become a WebSocket.
        """
        self.bytes_beside_body += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            return self._upgrade(data[upgrade.args[0] :])
        except HttpParserError as error:
            self._fail(error)
        if self.bytes_beside_body > MAX_HEAD_BYTES and not self.deaf:
            raise HeadTooLarge
        return b""

    def close(self) -> None:
        """End; the parser, which holds this reader, is let go."""
        del self._parser

    # As the parser has it.

    def on_url(self, part: bytes) -> None:
        """Take the target of a request, or a part of it."""
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header or a trailer."""
        name = name.lower()
        # White space around a value is no part of it (RFC 9112, section 5.1); the parser takes off what stands before.
        value = value.rstrip(b" \t")
        self._headers.append((name, value))
        if name in NOTED:
            self._noted.append((name, value))

    def on_headers_complete(self) -> None:
        """End the head: a request has come, but for its body. Raises GatewayError, HttpParserInvalidURLError."""
        if self.deaf:
            return
        parser = self._parser
        if self.bytes_beside_body > MAX_HEAD_BYTES:
            self._measure_head()
        self.bytes_beside_body = 0
        version = parser.get_http_version()
        method = parser.get_method().decode("ascii")
        if parser.should_upgrade():
            # What it is for is looked at when the parser has stopped.
            return
        keep_alive = version == "1.1" and parser.should_keep_alive()
        target, headers = self._target, self._headers
        self._target, self._headers = b"", []
        scope = self._scopes.make(method, target, headers)
        awaits_continue = False
        if version != "1.1":
            if version != "1.0":
                raise BadRequest("the request must be of HTTP/1.1 or HTTP/1.0")
            scope["http_version"] = version
        if self._noted:
            awaits_continue = self._heed_noted(scope)
        self.reading = request = HttpRequest(self._flow, scope, keep_alive=keep_alive, awaits_continue=awaits_continue)
        self._came(request)

    def on_body(self, piece: bytes) -> None:
        """Take a piece of the body."""
        self.bytes_beside_body = 0
        if self.reading is not None:
            self.reading.add(piece)

    def on_message_complete(self) -> None:
        """End the request."""
        self.bytes_beside_body = 0
        request = self.reading
        if request is not None:
            self.reading = None
            # Of trailers nobody knows whether they may be used as headers (RFC 9110, section 6.5.1).
            if self._headers:
                self._headers, self._noted = [], []
            request.end()
            self.deaf = not request.keep_alive

    def _measure_head(self) -> None:
        """Raise HeadTooLarge if the head alone is too large, and not what came with it."""
        if len(self._target) + sum(len(name) + len(value) + 4 for name, value in self._headers) > MAX_HEAD_BYTES:
            raise HeadTooLarge

    def _heed_noted(self, scope: Scope) -> bool:
        """Return whether the client waits to be told to send its body."""
        noted, self._noted = self._noted, []
        codings = [value.lower() for name, value in noted if name == b"transfer-encoding"]
        if codings and codings != [b"chunked"]:
            raise CodingUnknown
        if scope["http_version"] != "1.1":
            # It knows neither trailers nor interim answers.
            return False
        if any(name == b"te" for name, _ in noted):
            scope["extensions"] = {TRAILERS: {}}
        return any(name == b"expect" and value.lower() == b"100-continue" for name, value in noted)

    # What stops the parser.

    def _fail(self, error: HttpParserError) -> None:
        """Raise what the parser, or this reader on its behalf, has found to be no HTTP."""
        if self.deaf:
            # It stands behind a request that has said it is the last.
            return
        reason = error.__context__ if isinstance(error, HttpParserCallbackError) else None
        if reason is None or isinstance(reason, HttpParserError):
            raise BadRequest("the request must be valid HTTP") from error
        raise reason

    def _upgrade(self, rest: bytes) -> bytes:
        """Leave the connection to WebSocket if it is asked for; any other upgrade may be ignored (RFC 9110, 7.8)."""
        if self._parser.get_method() == b"CONNECT":
            raise BadRequest("the request must be valid HTTP")
        asked = [value.lower() for name, value in self._headers if name == b"upgrade"]
        if asked[-1:] == [b"websocket"] and self._sockets:
            raise SocketAsked(self._head_without(b""))
        # The parser has taken the body for bytes of the other protocol.
        head = self._head_without(b"upgrade")
        self._target, self._headers, self._noted = b"", [], []
        self._parser = HttpRequestParser(self)
        return head + rest

    def _head_without(self, left_out: bytes) -> bytes:
        """The head that was read last, without the headers of one name."""
        method, version = self._parser.get_method(), self._parser.get_http_version().encode()
        lines = [b"%b: %b\r\n" % header for header in self._headers if header[0] != left_out]
        return b"%b %b HTTP/%b\r\n%b\r\n" % (method, self._target, version, b"".join(lines))
