"""The gateway as an ASGI application: HTTP requests in, calls out, answers back."""

import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final

from google.protobuf.descriptor import EnumDescriptor, FileDescriptor, ServiceDescriptor

from gateway import calls
from gateway.backend import Backend, CallFailed
from gateway.calls import CallFacts, Upstream
from gateway.contract import ContractInvalid, Method, read_services
from gateway.cors import EVERY_METHOD, Cors
from gateway.endpoint import compile_endpoint
from gateway.error_body import ErrorReasons, Refusal, Shape, refuse, refuse_call, refuse_fault
from gateway.errors import BadRequest, GatewayError, MethodNotAllowed, RouteNotFound
from gateway.exchange import JSON, Exchange
from gateway.local_request import Clients
from gateway.options import GatewayOptions
from gateway.pages import Pages
from gateway.rate_limit import RateLimiter
from gateway.request_body import ClientGone, Event, Receive, Scope, Send
from gateway.request_id import request_id
from gateway.routing import Match, Router, WrongMethod
from gateway.similar_routes import SimilarRoutes, shared_shape

__all__ = ["Gateway", "GatewayOptions"]

log = logging.getLogger(__name__)

# Request headers that go to the server as metadata of the same name. Nothing else does, so a client cannot send keys
# that speak for the gateway.
FORWARDED: Final = tuple(
    (name.encode(), name) for name in ("authorization", "x-api-key", "x-api-token", "traceparent", "tracestate")
)
PAGE_METHODS: Final = ("GET", "HEAD", "OPTIONS")
# Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Timeout".
GRPC_TIMEOUT: Final = re.compile(rb"([0-9]{1,8})([HMSmun])")
TIMEOUT_UNITS: Final = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
# Downloads may be HTML that somebody uploaded; browsers must not guess that from the bytes.
NO_SNIFFING: Final = (b"x-content-type-options", b"nosniff")
CLIENT_GONE: Final = 499


class Gateway:
    """Serves the HTTP bindings of `services`, whose calls go to `backend`. An ASGI application; one per listener.

    Raises:
        ContractInvalid: an annotation or option does not fit.
        RouteConflict: two bindings claim the same path.
    """

    def __init__(
        self, services: Sequence[ServiceDescriptor], backend: Backend, options: GatewayOptions | None = None
    ) -> None:
        self._options = options = options or GatewayOptions()
        self._backend = backend
        everything = read_services(services)
        methods = [method for method in everything if options.listener in method.listeners]
        self._router = Router(methods)
        self._endpoints = {
            binding: compile_endpoint(method, binding) for method in methods for binding in method.bindings
        }
        self._default_shape = (
            shared_shape(methods) if options.default_error_shape is None else options.default_error_shape
        )
        self._similar = SimilarRoutes(methods, self._default_shape)
        self._reasons = ErrorReasons([*imported_enums(services), *options.error_reasons])
        self._upstream = Upstream(backend, self._reasons, options.stuck_reader_seconds)
        self._cors = Cors(options.allowed_origins)
        self._clients = Clients(
            trusted_proxies=options.trusted_proxies,
            listener_is_loopback=options.listener_is_loopback,
            allowed_origins=options.allowed_origins,
        )
        self._limiter = RateLimiter(options.rate_limit_storage)
        self._pages = Pages(methods, options)
        self._guard = find_guard(everything, options.pages_guard)
        self._own_metadata = (("x-gateway-token", options.token),) if options.token else ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection scope of ASGI."""
        if scope["type"] == "http":
            await self._answer(Exchange(scope, receive, send), self._route)
        elif scope["type"] == "lifespan":
            await lifespan(receive, send)
        elif "websocket.http.response" in scope.get("extensions", ()):
            await self._answer(Exchange({**scope, "method": "GET"}, receive, to_handshake(send)), self._refuse_upgrade)
        else:
            # Refuses the handshake with 403.
            await send({"type": "websocket.close"})

    def close_streams(self) -> None:
        """End every open stream of events properly. For a server that is about to stop."""
        calls.close_streams(self._upstream)

    def refuse_unreadable(self, client: str) -> Refusal:
        """Return the whole answer to bytes that are no HTTP request, and record it. `client` is the peer's address."""
        made = request_id(None)
        status, headers, body = refuse(BadRequest("the request must be valid HTTP"), self._default_shape)
        if self._options.observe is not None:
            self._options.observe(None, status, 0.0)
        if self._options.record is not None:
            self._options.record(method="", path="", status=status, seconds=0.0, client=client, request_id=made)
        length = (b"content-length", b"%d" % len(body))
        common = [(b"x-request-id", made.encode()), NO_SNIFFING, (b"content-type", JSON), length]
        return Refusal(status, [*common, *headers], body)

    async def _answer(self, exchange: Exchange, serve: Callable[[Exchange], Awaitable[None]]) -> None:
        """Let `serve` answer, or answer what it raises."""
        headers = exchange.headers
        exchange.request_id = request_id(headers.get(b"x-request-id"))
        exchange.client = self._clients.address(exchange.peer, headers)
        exchange.common_headers = [
            (b"x-request-id", exchange.request_id.encode()),
            NO_SNIFFING,
            *self._cors.headers(headers.get(b"origin")),
        ]
        try:
            await serve(exchange)
        except GatewayError as error:
            await self._refuse(exchange, refuse(error, self._shape(exchange)))
        except CallFailed as error:
            await self._refuse(exchange, refuse_call(error, self._shape(exchange), self._reasons, exchange.request_id))
        except ClientGone:
            exchange.status = exchange.status or CLIENT_GONE
        except Exception:
            log.exception("a request failed unexpectedly", extra={"request_id": exchange.request_id})
            await self._refuse(exchange, refuse_fault(self._shape(exchange), exchange.request_id))
        finally:
            self._record(exchange)

    async def _route(self, exchange: Exchange) -> None:
        scope = exchange.scope
        raw_path = exchange.raw_path
        check_host(scope, exchange.headers)
        if exchange.http_method == "OPTIONS" and await self._preflight(exchange, raw_path):
            return
        match = self._router.find(exchange.http_method, raw_path, scope["query_string"])
        if isinstance(match, Match):
            await self._call(exchange, match)
        elif match is None:
            await self._page(exchange, raw_path)
        elif exchange.http_method == "OPTIONS":
            await exchange.respond(204, b"", b"", [allow(match.allowed)])
        else:
            raise MethodNotAllowed(match.allowed)

    async def _refuse_upgrade(self, exchange: Exchange) -> None:
        """Refuse the handshake of a WebSocket."""
        if self._router.find("GET", exchange.raw_path) is None:
            raise RouteNotFound
        raise BadRequest("this route does not speak WebSocket")

    async def _call(self, exchange: Exchange, match: Match) -> None:
        endpoint = self._endpoints[match.binding]
        exchange.rpc = endpoint.method.full_name
        exchange.error_shape = endpoint.method.error_shape
        if endpoint.window is not None:
            allowance = await self._limiter.take(endpoint.window, exchange.client)
            exchange.common_headers += allowance.headers
            if allowance.refusal is not None:
                raise allowance.refusal
        facts = CallFacts(self._metadata(exchange), timeout_seconds(exchange.headers.get(b"grpc-timeout")))
        await calls.serve(self._upstream, exchange, endpoint, match, facts)

    async def _preflight(self, exchange: Exchange, raw_path: bytes) -> bool:
        """Answer a preflight; False when the request is an ordinary OPTIONS."""
        origin = exchange.headers.get(b"origin")
        if origin is None or b"access-control-request-method" not in exchange.headers:
            return False
        match = self._router.find("OPTIONS", raw_path)
        methods = match.allowed if isinstance(match, WrongMethod) else EVERY_METHOD
        wanted = exchange.headers.get(b"access-control-request-headers")
        exchange.common_headers = exchange.common_headers[:2]
        await exchange.respond(204, b"", b"", self._cors.preflight(origin, wanted, methods))
        return True

    async def _page(self, exchange: Exchange, raw_path: bytes) -> None:
        page = self._pages.find(raw_path)
        if page is None:
            raise RouteNotFound
        if exchange.http_method == "OPTIONS":
            await exchange.respond(204, b"", b"", [allow(PAGE_METHODS)])
            return
        if exchange.http_method not in PAGE_METHODS:
            raise MethodNotAllowed(PAGE_METHODS)
        if page.guarded and self._guard is not None:
            exchange.error_shape = self._guard.error_shape
            await self._backend.unary(self._guard, self._guard.input_class(), self._metadata(exchange), None)
        await exchange.respond(200, page.content_type, page.read(), page.headers)

    def _metadata(self, exchange: Exchange) -> Sequence[tuple[str, str]]:
        """What the server is told about the request: its credentials, and where it comes from."""
        headers = exchange.headers
        metadata = [("x-request-id", exchange.request_id), ("x-gateway-client", exchange.client), *self._own_metadata]
        if self._clients.is_local(exchange.peer, exchange.scope["scheme"], headers):
            metadata.append(("x-gateway-local", "1"))
        for header, key in FORWARDED:
            value = headers.get(header)
            if value is not None:
                metadata.append((key, ascii_text(key, value)))
        return tuple(metadata)

    def _shape(self, exchange: Exchange) -> Shape:
        if exchange.error_shape is None:
            exchange.error_shape = self._similar.shape(exchange.raw_path)
        return exchange.error_shape

    async def _refuse(self, exchange: Exchange, refusal: Refusal) -> None:
        if exchange.status:
            # The answer has begun. Leaving it unfinished tells the client that it is broken.
            log.error("an answer broke off", extra={"request_id": exchange.request_id, "rpc": exchange.rpc})
        else:
            await exchange.respond(refusal.http_status, JSON, refusal.body, refusal.headers)

    def _record(self, exchange: Exchange) -> None:
        seconds = time.perf_counter() - exchange.started_at
        if self._options.observe is not None:
            self._options.observe(exchange.rpc, exchange.status, seconds)
        if self._options.record is not None:
            self._options.record(
                method=exchange.http_method,
                # Still percent-encoded, so that no path can write lines of its own. Queries may hold secrets.
                path=exchange.raw_path.decode("latin-1"),
                status=exchange.status,
                seconds=round(seconds, 6),
                client=exchange.client,
                request_id=exchange.request_id,
            )


async def lifespan(receive: Receive, send: Send) -> None:
    """Answer the server's start and stop messages; there is nothing to open or close here."""
    while True:
        event = await receive()
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return


def to_handshake(send: Send) -> Send:
    """Return what sends the answer to an HTTP request as the answer to the handshake of a WebSocket."""

    async def send_refusal(event: Event) -> None:
        await send({**event, "type": f"websocket.{event['type']}"})

    return send_refusal


def check_host(scope: Scope, headers: Mapping[bytes, bytes]) -> None:
    """Raise BadRequest unless it is certain whom the request is meant for (RFC 9112, section 3.2)."""
    if b"host" not in headers:
        if scope.get("http_version") == "1.1":
            raise BadRequest("the request must have a Host header")
    elif len(headers) != len(scope["headers"]) and sum(name == b"host" for name, _ in scope["headers"]) > 1:
        raise BadRequest("the request must have only one Host header")


def allow(methods: Iterable[str]) -> tuple[bytes, bytes]:
    """The Allow header (RFC 9110, section 10.2.1)."""
    return b"allow", ", ".join(methods).encode()


def ascii_text(name: str, value: bytes) -> str:
    """Text of a header that goes on as metadata, which takes printable ASCII only. Raises BadRequest."""
    text = value.decode("latin-1")
    if not (text.isascii() and text.isprintable()):
        raise BadRequest(f"header {name} must be printable ASCII")
    return text


def timeout_seconds(header: bytes | None) -> float | None:
    """Seconds in a Grpc-Timeout header ("500m" is half a second); None without one. Raises BadRequest."""
    if header is None:
        return None
    found = GRPC_TIMEOUT.fullmatch(header)
    if found is None:
        raise BadRequest("header Grpc-Timeout must be up to 8 digits and a unit: H, M, S, m, u or n")
    return int(found[1]) * TIMEOUT_UNITS[found[2]]


def find_guard(methods: Iterable[Method], full_name: str | None) -> Method | None:
    """The rpc that guards the pages. Raises ContractInvalid when there is none of this name."""
    if full_name is None:
        return None
    for method in methods:
        if method.full_name == full_name and not (method.client_streaming or method.server_streaming):
            return method
    raise ContractInvalid(f"pages_guard: {full_name!r} is no rpc with one request and one answer")


def imported_enums(services: Iterable[ServiceDescriptor]) -> Iterable[EnumDescriptor]:
    """All top-level enums in the files of `services` and the files these import, directly or not."""
    seen: set[str] = set()
    waiting: list[FileDescriptor] = [service.file for service in services]
    while waiting:
        file = waiting.pop()
        if file.name not in seen:
            seen.add(file.name)
            waiting += file.dependencies
            yield from file.enum_types_by_name.values()
