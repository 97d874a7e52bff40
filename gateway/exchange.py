"""One HTTP request and its answer."""

import time
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote

from gateway.backend import Metadata
from gateway.error_body import Shape
from gateway.request_body import Event, Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]

JSON: Final = b"application/json"
# Keys of initial metadata that become headers of the answer. All others stay inside.
RESPONSE_HEADERS: Final[Mapping[str, bytes]] = {
    "cache-control": b"cache-control",
    "content-disposition": b"content-disposition",
    "etag": b"etag",
    "last-modified": b"last-modified",
    "retry-after": b"retry-after",
}
# The same for a download, whose length its server knows. `content-length` itself would be taken for the length of the
# HTTP/2 frames that carry the call (RFC 9113, section 8.1.1).
DOWNLOAD_HEADERS: Final[Mapping[str, bytes]] = {**RESPONSE_HEADERS, "x-http-content-length": b"content-length"}


class Exchange:
    """One request, and the one answer it may be given. Made and used by one task."""

    __slots__ = (
        "client",
        "common_headers",
        "error_shape",
        "headers",
        "http_method",
        "raw_path",
        "receive",
        "request_id",
        "rpc",
        "scope",
        "send",
        "started_at",
        "status",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.started_at = time.perf_counter()
        self.scope = scope
        self.receive = receive
        self.send = send
        self.http_method: str = scope["method"]
        # Still percent-encoded, without the query. Few servers leave it out; then only what is decoded is known.
        self.raw_path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
        # Of a header that is sent twice, the last one counts: it was added nearest to us.
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.request_id = ""
        self.client = ""
        """Address of the client, as far as trusted proxies vouch for it."""
        self.common_headers: Headers = []
        self.error_shape: Shape | None = None
        """Shape of errors, once it is known whose answer this is."""
        self.rpc: str | None = None
        self.status = 0
        """Status of the answer; 0 as long as none was begun."""

    @property
    def peer(self) -> str:
        """Address of the connection's other end; empty for a Unix socket."""
        client = self.scope.get("client")
        return client[0] if client else ""

    async def begin(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Send status and headers."""
        self.status = status
        start: Event = {"type": "http.response.start", "status": status, "headers": [*self.common_headers, *headers]}
        await self.send(start)

    async def respond(
        self, status: int, content_type: bytes, body: bytes, headers: Iterable[tuple[bytes, bytes]] = ()
    ) -> None:
        """Send a whole answer. The body stays out where HTTP wants none: to HEAD, and with 204."""
        if status == 204:
            await self.begin(status, headers)
            await self.send({"type": "http.response.body"})
            return
        length = (b"content-length", b"%d" % len(body))
        await self.begin(status, [(b"content-type", content_type), length, *headers])
        await self.send({"type": "http.response.body", "body": b"" if self.http_method == "HEAD" else body})


def response_headers(metadata: Metadata, known: Mapping[str, bytes] = RESPONSE_HEADERS) -> Headers:
    """Headers of the answer that a server set as initial metadata. `known` maps its keys to names of headers."""
    return [
        (known[key], value.encode() if isinstance(value, str) else value) for key, value in metadata if key in known
    ]
