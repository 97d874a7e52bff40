"""One HTTP request and its answer."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from gateway.backend import Metadata
from gateway.contract.error_form import ErrorForm
from gateway.http.compression import (
    FOR_STREAMS,
    VARY,
    StreamEncoder,
    choose,
    is_compressible,
    may_transform,
    stream_encoder,
)
from gateway.http.conditional import with_weak_tag
from gateway.http.metadata import ExposedMetadata, http_status
from gateway.http.mount import below_mount
from gateway.http.request_body import Event, Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]

JSON: Final = b"application/json"
# What needs no escape in a path (RFC 3986, section 3.3). Among them is the colon, which starts a verb.
PATH_SAFE: Final = "/-._~!$&'()*+,;=:@"
# They have no body (RFC 9110, sections 15.3.5, 15.3.6 and 15.4.5).
BODILESS: Final = frozenset({204, 205, 304})


@dataclass(frozen=True, slots=True)
class AnswerRules:
    """What holds for all answers of a gateway."""

    exposed: ExposedMetadata
    etags: bool
    """Answers to GET have an entity tag, also where the server sets none."""
    compression: bool
    credentials: frozenset[bytes]
    """Headers that say who asks. Answers to GET with one of them are for nobody else."""


class Exchange:
    """One request, and the one answer it may be given. Made and used by one task."""

    rules: AnswerRules
    """Given by the gateway before anything is answered, like the next two."""
    request_id: str
    common_headers: Headers
    # An exchange is made for every request, and most never change these.
    error_form: "ErrorForm | None" = None
    """Form of errors, once it is known whose answer this is."""
    rpc: str | None = None
    status = 0
    """Status of the answer; 0 as long as none was begun."""
    _coding: bytes | None = None
    _encoder: StreamEncoder | None = None
    _trailers_promised = False

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.started_at = time.perf_counter()
        self.scope = scope
        self.receive = receive
        self.send = send
        self.http_method: str = scope["method"]
        # Still percent-encoded, without the query and the mount. Few servers leave it out; then only what is decoded is
        # known.
        self.raw_path: bytes = scope.get("raw_path") or quote(scope["path"], safe=PATH_SAFE).encode()
        root_path: str = scope.get("root_path", "")
        if root_path:
            self.raw_path = below_mount(self.raw_path, root_path)
        # Of a header that is sent twice, the last one counts: it was added nearest to us.
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        peer = scope.get("client")
        self.peer: str = peer[0] if peer else ""
        """Address of the connection's other end; empty for a Unix socket."""
        self.client = self.peer
        """Address of the client, as far as trusted proxies vouch for it."""

    @property
    def takes_trailers(self) -> bool:
        """Whether the client wants trailers (RFC 9110, section 10.1.4) and the HTTP server can send them."""
        wanted = self.headers.get(b"te")
        if wanted is None or self.http_method == "HEAD":
            return False
        names = [element.partition(b";")[0].strip().lower() for element in wanted.split(b",")]
        return b"trailers" in names and "http.response.trailers" in (self.scope.get("extensions") or ())

    async def begin(self, status: int, headers: Iterable[tuple[bytes, bytes]], *, trailers: bool = False) -> None:
        """Send status and headers. With `trailers`, `send_trailers` must end the answer."""
        self.status = status
        start: Event = {"type": "http.response.start", "status": status, "headers": [*self.common_headers, *headers]}
        if trailers:
            start["trailers"] = True
        await self.send(start)

    async def respond(
        self, status: int, content_type: bytes, body: bytes, headers: Iterable[tuple[bytes, bytes]] = ()
    ) -> None:
        """Send a whole answer. The body stays out where HTTP wants none: to HEAD, and with some statuses."""
        if status in BODILESS:
            await self.begin(status, headers)
            await self.send({"type": "http.response.body"})
            return
        length = (b"content-length", b"%d" % len(body))
        self.status = status
        all_headers = [*self.common_headers, (b"content-type", content_type), length, *headers]
        # Connections of the gateway's own take an answer at once.
        send_whole = getattr(getattr(self.send, "__self__", None), "send_whole", None)
        if send_whole is not None:
            await send_whole(status, all_headers, body)
            return
        await self.send({"type": "http.response.start", "status": status, "headers": all_headers})
        await self.send({"type": "http.response.body", "body": b"" if self.http_method == "HEAD" else body})

    async def begin_stream(self, status: int, headers: Iterable[tuple[bytes, bytes]], metadata: Metadata = ()) -> None:
        """Send status and headers, also those the server sent as `metadata`, of an answer that follows in pieces."""
        all_headers = [*headers, *self.rules.exposed.headers(metadata)]
        own_status = http_status(metadata)
        if own_status is not None and own_status not in BODILESS:
            status = own_status
        # A length that was told is that of the plain content, and a reader wants it more.
        told = dict(all_headers)
        plain = b"content-length" in told or not is_compressible(told.get(b"content-type", b""))
        if self.rules.compression and not plain and may_transform(all_headers):
            all_headers.append(VARY)
            self._coding = choose(self.headers.get(b"accept-encoding"), FOR_STREAMS)
            if self._coding is not None:
                all_headers = [*with_weak_tag(all_headers), (b"content-encoding", self._coding)]
        self._trailers_promised = self.takes_trailers
        await self.begin(status, all_headers, trailers=self._trailers_promised)

    async def send_piece(self, data: bytes) -> None:
        """Send the next piece of a stream, so that the client can use all of it at once."""
        if self._coding is not None:
            if self._encoder is None:
                # Not before there is something to say: a stream may stay idle for long, and this takes memory.
                self._encoder = stream_encoder(self._coding)
            data = self._encoder.piece(data)
        await self.send({"type": "http.response.body", "body": data, "more_body": True})

    async def end_stream(self, metadata: Metadata = ()) -> None:
        """End a stream; `metadata` is what the server sent behind it, which only trailers can carry now."""
        last = b""
        if self._coding is not None and self.http_method != "HEAD":
            last = (self._encoder or stream_encoder(self._coding)).end()
        await self.send({"type": "http.response.body", "body": last})
        if self._trailers_promised:
            await self.send_trailers(self.rules.exposed.trailers(metadata))

    async def send_trailers(self, trailers: Headers) -> None:
        """End an answer that was begun with `trailers`. Source: https://asgi.readthedocs.io/en/stable/extensions.html"""
        await self.send({"type": "http.response.trailers", "headers": trailers, "more_trailers": False})
