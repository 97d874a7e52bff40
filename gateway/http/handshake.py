"""The handshake of a WebSocket: a GET that is accepted, or answered like any other request (RFC 6455, section 4.2).

Pages cannot set headers on it. A token may come as a subprotocol instead, which is the customary way:
`new WebSocket(url, ["bearer", token])` sends `Sec-WebSocket-Protocol: bearer, <token>`, is answered `bearer`, and
stands for `Authorization: Bearer <token>`. A header of that name wins.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import grpc

from gateway.errors import GatewayError, MethodNotAllowed, RouteNotFound
from gateway.http.exchange import Exchange
from gateway.http.request_body import ClientGone, Event, Receive, Scope, Send
from gateway.routing import Match, Router

# A handshake is a GET whatever the route wants; these may be meant, in this order. DELETE is no conversation.
HTTP_METHODS: Final = ("GET", "POST", "PUT", "PATCH")
HTTP_SCHEMES: Final[Mapping[str, str]] = {"ws": "http", "wss": "https"}
BEARER: Final = "bearer"


class ForeignOrigin(GatewayError):
    """The page that opens the socket is of another site. CORS does not keep such pages from a socket; we have to."""

    def __init__(self) -> None:
        super().__init__(grpc.StatusCode.PERMISSION_DENIED, "pages of this origin may not open a WebSocket here")


def open_exchange(scope: Scope, receive: Receive, send: Send) -> Exchange:
    """The handshake as an exchange over HTTP; `accept` turns it into a socket."""
    headers = list(scope["headers"])
    token = bearer_token(scope.get("subprotocols", ()))
    if token is not None and not any(name == b"authorization" for name, _ in headers):
        headers.append((b"authorization", b"Bearer " + token.encode("latin-1")))
    scheme = HTTP_SCHEMES.get(scope.get("scheme", "ws"), "http")
    answer = Answer(send, refuses_in_words="websocket.http.response" in (scope.get("extensions") or ()))
    exchange = Exchange({**scope, "method": "GET", "scheme": scheme, "headers": headers}, receive, answer.send)
    # A handshake has no body; how frames are compressed is agreed on in another way (RFC 7692).
    exchange.headers.pop(b"content-encoding", None)
    return exchange


async def accept(exchange: Exchange) -> None:
    """Open the socket. From here on nothing can be told but in frames. Raises ClientGone."""
    if (await exchange.receive())["type"] != "websocket.connect":
        raise ClientGone("the client left during the handshake")
    exchange.status = 101
    bearer = bearer_token(exchange.scope.get("subprotocols", ())) is not None
    subprotocol = BEARER if bearer else None
    try:
        await exchange.send(
            {"type": "websocket.accept", "subprotocol": subprotocol, "headers": exchange.common_headers}
        )
    except OSError as error:
        raise ClientGone("the client left during the handshake") from error


def bearer_token(subprotocols: Sequence[str]) -> str | None:
    """What follows `bearer` in the subprotocols a client offers; None when nothing does."""
    for name, token in pairwise(subprotocols):
        if name == BEARER:
            return token
    return None


def is_own_page(origin: bytes | None, host: bytes) -> bool:
    """Whether a page of `origin` was served by `host`, which is the Host header of the handshake.

    The scheme is not compared: behind a proxy that ends TLS, ours is not the one the page has.
    """
    if origin is None:
        return False
    return origin.partition(b"://")[2].lower() == host.lower() != b""


def find_route(router: Router, raw_path: bytes, query: bytes) -> Match:
    """The rpc whose path the handshake has. Raises RouteNotFound, MethodNotAllowed."""
    allowed: tuple[str, ...] = ()
    for http_method in HTTP_METHODS:
        found = router.find(http_method, raw_path, query)
        if isinstance(found, Match):
            return found
        if found is not None:
            allowed = found.allowed
    if allowed:
        raise MethodNotAllowed(allowed)
    raise RouteNotFound


class Answer:
    """Sends what an exchange sends: the events of a socket as they are, an answer to HTTP as a refused handshake.

    Servers that cannot refuse in words are told to close, which is a bare 403.
    """

    def __init__(self, send: Send, *, refuses_in_words: bool) -> None:
        self._send = send
        self._refuses_in_words = refuses_in_words

    @property
    def transport(self) -> Any:
        """The connection that uvicorn's `send` writes to; None with other servers."""
        return getattr(getattr(self._send, "__self__", None), "transport", None)

    async def send(self, event: Event) -> None:
        """Send one event."""
        kind: str = event["type"]
        if not kind.startswith("http."):
            await self._send(event)
        elif self._refuses_in_words:
            await self._send({**event, "type": f"websocket.{kind}"})
        elif kind == "http.response.start":
            await self._send({"type": "websocket.close"})
