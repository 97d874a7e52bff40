"""The gateway as an ASGI application: HTTP requests in, calls out, answers back."""

import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from google.protobuf.descriptor import EnumDescriptor, FileDescriptor, ServiceDescriptor

from gateway import calls, protocols
from gateway.backend import Backend, CallFailed, Metadata
from gateway.calls import CallFacts, Upstream, websocket
from gateway.contract.error_form import ErrorForm
from gateway.contract.services import ContractInvalid, Method, read_services, with_limits
from gateway.endpoint import compile_endpoint
from gateway.errors import BadRequest, GatewayError, MethodNotAllowed, RouteNotFound
from gateway.errors.body import Refusal, refuse, refuse_call, refuse_fault
from gateway.errors.problem import ErrorReasons
from gateway.http import handshake
from gateway.http.coded_body import decoded
from gateway.http.cors import EVERY_METHOD, Cors
from gateway.http.deadline import timeout_seconds
from gateway.http.exchange import JSON, AnswerRules, Exchange
from gateway.http.local_request import Clients
from gateway.http.metadata import CREDENTIALS, ExposedMetadata, ForwardedHeaders
from gateway.http.rate_limit import RateLimiter, Window
from gateway.http.recorded_path import RecordedPaths
from gateway.http.request_body import ClientGone, Receive, Scope, Send
from gateway.http.request_id import request_id
from gateway.http.whole_answer import failure_headers, send_answer
from gateway.options import GatewayOptions
from gateway.pages import Pages
from gateway.protocols.procedure import Procedure
from gateway.routing import Match, Router, WrongMethod
from gateway.routing.similar_routes import SimilarRoutes, shared_form

__all__ = ["Gateway", "GatewayOptions"]

log = logging.getLogger(__name__)

PAGE_METHODS: Final = ("GET", "HEAD", "OPTIONS")
# Downloads may be HTML that somebody uploaded; browsers must not guess that from the bytes.
NO_SNIFFING: Final = (b"x-content-type-options", b"nosniff")
CLIENT_GONE: Final = 499
# RFC 9112, section 3.2, by RFC 3986, sections 3.2.2 and 3.2.3.
HOST: Final = re.compile(rb"(\[[0-9A-Za-z\-._~!$&'()*+,;=:]+\]|[0-9A-Za-z\-._~!$&'()*+,;=%]*)(:[0-9]*)?")


class Gateway:
    """Serves the HTTP bindings of `services`, whose calls go to `backend`. An ASGI application; one per listener.

    Raises:
        ContractInvalid: an annotation or option does not fit.
        RouteConflict: two bindings claim the same path.
        NameRefused: an option names a header that cannot pass.
    """

    def __init__(
        self, services: Sequence[ServiceDescriptor], backend: Backend, options: GatewayOptions | None = None
    ) -> None:
        self._options = options = options or GatewayOptions()
        self._backend = backend
        everything = with_limits(
            read_services(services, options.service_defaults, options.http_rules), options.rate_limits
        )
        methods = [method for method in everything if options.listener in method.listeners]
        self._router = Router(methods, ignore_trailing_slash=options.ignore_trailing_slash)
        # An rpc without a rule is nobody's business outside unless somebody says so.
        self._procedures = protocols.compile_procedures(
            one for one in methods if one.bindings or options.unannotated_rpcs
        )
        self._endpoints = {
            binding: compile_endpoint(method, binding) for method in methods for binding in method.bindings
        }
        self._serve = {binding: calls.SERVE[endpoint.kind] for binding, endpoint in self._endpoints.items()}
        self._default_form = (
            shared_form(methods) if options.default_error_shape is None else ErrorForm(options.default_error_shape)
        )
        self._similar = SimilarRoutes(methods, self._default_form)
        self._reasons = ErrorReasons([*imported_enums(services), *options.error_reasons])
        self._upstream = Upstream(backend, self._reasons, options.stuck_reader_seconds)
        exposed = ExposedMetadata(options.exposed_metadata)
        credentials = CREDENTIALS | {b"cookie"} if options.forwarded_cookies else CREDENTIALS
        self._rules = AnswerRules(
            exposed, etags=options.etags, compression=options.compression, credentials=credentials
        )
        self._forwarded = ForwardedHeaders(options.forwarded_headers, options.forwarded_cookies)
        self._cors = Cors(options.allowed_origins, exposed.names, cookies=bool(options.forwarded_cookies))
        self._clients = Clients(
            trusted_proxies=options.trusted_proxies,
            listener_is_loopback=options.listener_is_loopback,
            allowed_origins=options.allowed_origins,
        )
        self._limiter = RateLimiter(options.rate_limit_storage)
        self._pages = Pages(methods, options, self._reasons)
        self._guard = find_guard(everything, options.pages_guard)
        self._own_metadata = (("x-gateway-token", options.token),) if options.token else ()
        self._recorded = options.observe is not None or options.record is not None
        self._recorded_paths = RecordedPaths(methods)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection scope of ASGI: answer a request, or what is raised on the way to its answer."""
        if scope["type"] == "http":
            exchange, serve = Exchange(scope, receive, send), self._route
        elif scope["type"] == "lifespan":
            await lifespan(receive, send, self.close)
            return
        else:
            exchange, serve = handshake.open_exchange(scope, receive, send), self._upgrade
        self._prepare(exchange)
        try:
            await serve(exchange)
        except GatewayError as error:
            await self._refuse(exchange, refuse(error, self._form(exchange)))
        except CallFailed as error:
            refusal = refuse_call(error, self._form(exchange), self._reasons, exchange.request_id)
            refusal.headers.extend(failure_headers(error.trailing_metadata, self._rules.exposed, refusal.headers))
            await self._refuse(exchange, refusal)
        except ClientGone:
            exchange.status = exchange.status or CLIENT_GONE
        except Exception:
            log.exception("a request failed unexpectedly", extra={"request_id": exchange.request_id})
            await self._refuse(exchange, refuse_fault(self._form(exchange), exchange.request_id))
        finally:
            if self._recorded:
                self._record(exchange)

    def close_streams(self) -> None:
        """End every open stream of events properly. For a server that is about to stop, from any of its threads."""
        calls.close_streams(self._upstream)

    async def close(self) -> None:
        """Close what the gateway has opened itself. A server without the lifespan protocol calls this when it stops."""
        await self._limiter.close()

    def refuse_unreadable(self, error: GatewayError, client: str) -> Refusal:
        """Return the whole answer to bytes that are no HTTP request, and record it. `client` is the peer's address."""
        made = request_id(None)
        status, headers, body = refuse(error, self._default_form)
        if self._options.observe is not None:
            self._options.observe(None, status, 0.0)
        if self._options.record is not None:
            self._options.record(method="", path="", status=status, seconds=0.0, client=client, request_id=made)
        length = (b"content-length", b"%d" % len(body))
        common = [(b"x-request-id", made.encode()), NO_SNIFFING, (b"content-type", JSON), length]
        return Refusal(status, [*common, *headers], body)

    def _prepare(self, exchange: Exchange) -> None:
        """Tell `exchange` what holds for every answer, and who asks."""
        headers = exchange.headers
        exchange.rules = self._rules
        exchange.request_id = known_as = request_id(headers.get(b"x-request-id"))
        exchange.common_headers = [(b"x-request-id", known_as.encode()), NO_SNIFFING]
        if self._options.allowed_origins:
            exchange.common_headers += self._cors.headers(headers.get(b"origin"))
        if b"x-forwarded-for" in headers:
            exchange.client = self._clients.address(exchange.peer, headers)

    def _route(self, exchange: Exchange) -> Awaitable[None]:
        """Find what answers a request. Plain, as `_call` is: each coroutine around another costs every call of it."""
        raw_path = exchange.raw_path
        check_host(exchange.scope, exchange.headers)
        if exchange.http_method == "OPTIONS":
            preflight = self._preflight(exchange, raw_path)
            if preflight is not None:
                return preflight
        procedure = self._procedures.get(raw_path)
        if procedure is not None and protocols.owns(procedure, exchange):
            return self._call_procedure(exchange, procedure)
        match = self._router.find(exchange.http_method, raw_path, exchange.scope["query_string"])
        if isinstance(match, Match):
            return self._call(exchange, match, self._serve[match.binding])
        if procedure is not None:
            return self._call_procedure(exchange, procedure)
        if match is None:
            return self._page(exchange, raw_path)
        if exchange.http_method == "OPTIONS":
            return exchange.respond(204, b"", b"", [allow(match.allowed)])
        raise MethodNotAllowed(match.allowed)

    def _upgrade(self, exchange: Exchange) -> Awaitable[None]:
        """Let a WebSocket call the rpc whose path its handshake has."""
        check_host(exchange.scope, exchange.headers)
        origin = exchange.headers.get(b"origin")
        if not (self._cors.allows(origin) or handshake.is_own_page(origin, exchange.headers.get(b"host", b""))):
            raise handshake.ForeignOrigin
        match = handshake.find_route(self._router, exchange.raw_path, exchange.scope["query_string"])
        return self._call(exchange, match, websocket.serve)

    def _call(self, exchange: Exchange, match: Match, serve: calls.Serve, *, counted: bool = False) -> Awaitable[None]:
        endpoint = self._endpoints[match.binding]
        method = endpoint.method
        exchange.rpc = method.full_name
        exchange.error_form = method.error_form
        if endpoint.window is not None and not counted:
            return self._count_and_call(exchange, endpoint.window, match, serve)
        headers = exchange.headers
        if endpoint.takes_body and b"content-encoding" in headers:
            exchange.receive = decoded(exchange.receive, headers[b"content-encoding"])
        longest = None if method.server_streaming else self._options.longest_call_seconds
        asked = headers.get(b"grpc-timeout")
        facts = CallFacts(self._metadata(exchange), longest if asked is None else timeout_seconds(asked, longest))
        return serve(self._upstream, exchange, endpoint, match, facts)

    async def _count_and_call(self, exchange: Exchange, window: Window, match: Match, serve: calls.Serve) -> None:
        await self._count(exchange, window)
        await self._call(exchange, match, serve, counted=True)

    async def _call_procedure(self, exchange: Exchange, procedure: Procedure) -> None:
        exchange.rpc = procedure.method.full_name
        exchange.error_form = procedure.method.error_form
        if exchange.http_method == "OPTIONS":
            await exchange.respond(204, b"", b"", [allow(protocols.allowed_methods(procedure))])
        else:
            longest = self._options.longest_call_seconds
            await protocols.serve(self._upstream, exchange, procedure, self._admit, longest)

    async def _admit(self, exchange: Exchange, window: Window | None) -> Metadata:
        if window is not None:
            await self._count(exchange, window)
        return self._metadata(exchange)

    async def _count(self, exchange: Exchange, window: Window) -> None:
        """Count a request, and raise RateLimitExceeded when it is one too many."""
        allowance = await self._limiter.take(window, exchange.client)
        exchange.common_headers += allowance.headers
        if allowance.refusal is not None:
            raise allowance.refusal

    def _preflight(self, exchange: Exchange, raw_path: bytes) -> Awaitable[None] | None:
        """The answer to a preflight; None when the request is an ordinary OPTIONS."""
        origin = exchange.headers.get(b"origin")
        if origin is None or b"access-control-request-method" not in exchange.headers:
            return None
        match = self._router.find("OPTIONS", raw_path)
        if isinstance(match, Match) and not self._options.allowed_origins:
            # Nobody left CORS to the gateway, and the contract has an answer of its own.
            return None
        methods = match.allowed if isinstance(match, WrongMethod) else EVERY_METHOD
        procedure = self._procedures.get(raw_path)
        if procedure is not None:
            named = match.allowed if isinstance(match, WrongMethod) else ()
            methods = tuple(sorted({*named, *protocols.allowed_methods(procedure)}))
        wanted = exchange.headers.get(b"access-control-request-headers")
        exchange.common_headers = exchange.common_headers[:2]
        return exchange.respond(204, b"", b"", self._cors.preflight(origin, wanted, methods))

    async def _page(self, exchange: Exchange, raw_path: bytes) -> None:
        page = self._pages.find(raw_path, exchange.scope.get("root_path", ""))
        if page is None:
            raise RouteNotFound
        if exchange.http_method == "OPTIONS":
            await exchange.respond(204, b"", b"", [allow(PAGE_METHODS)])
            return
        if exchange.http_method not in PAGE_METHODS:
            raise MethodNotAllowed(PAGE_METHODS)
        if page.guarded and self._guard is not None:
            exchange.error_form = self._guard.error_form
            await self._backend.unary(self._guard, self._guard.input_class(), self._metadata(exchange), None)
        await send_answer(exchange, 200, page.content_type, page.read(), headers=page.headers)

    def _metadata(self, exchange: Exchange) -> Metadata:
        """What the server is told about the request: its credentials, and where it comes from."""
        headers = exchange.headers
        metadata: Metadata = (
            ("x-request-id", exchange.request_id),
            ("x-gateway-client", exchange.client),
            *self._own_metadata,
        )
        if self._options.listener_is_loopback and self._clients.is_local(
            exchange.peer, exchange.scope["scheme"], headers
        ):
            metadata = (*metadata, ("x-gateway-local", "1"))
        with_cookies = (
            b"cookie" in headers
            and bool(self._forwarded.cookie_names)
            and self._cors.trusts(exchange.http_method, headers)
        )
        if with_cookies or self._forwarded.concern(tuple(headers)):
            forwarded = self._forwarded.metadata(exchange.scope["headers"], with_cookies=with_cookies)
            metadata = (*metadata, *forwarded)
        return metadata

    def _form(self, exchange: Exchange) -> ErrorForm:
        if exchange.error_form is None:
            exchange.error_form = self._similar.form(exchange.raw_path)
        return exchange.error_form

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
                # Queries may hold secrets.
                path=self._recorded_paths.of(exchange.raw_path),
                status=exchange.status,
                seconds=round(seconds, 6),
                client=exchange.client,
                request_id=exchange.request_id,
            )


async def lifespan(receive: Receive, send: Send, close: Callable[[], Awaitable[None]]) -> None:
    """Answer the server's start and stop messages, and `close` at the end; nothing is opened before it is needed."""
    while True:
        event = await receive()
        stopping = event["type"] == "lifespan.shutdown"
        if stopping:
            await close()
        await send({"type": f"{event['type']}.complete"})
        if stopping:
            return


def check_host(scope: Scope, headers: Mapping[bytes, bytes]) -> None:
    """Raise BadRequest unless it is certain whom the request is meant for (RFC 9112, section 3.2)."""
    if b"host" not in headers:
        if scope.get("http_version") == "1.1":
            raise BadRequest("the request must have a Host header")
    elif len(headers) != len(scope["headers"]) and sum(name == b"host" for name, _ in scope["headers"]) > 1:
        raise BadRequest("the request must have only one Host header")
    elif not is_host(headers[b"host"]):
        raise BadRequest("header Host must be a name or an address, and a port if it is not the usual one")


@lru_cache(maxsize=256)
def is_host(value: bytes) -> bool:
    """Whether `value` has the form of a Host header; it may be empty."""
    return HOST.fullmatch(value) is not None


def allow(methods: Iterable[str]) -> tuple[bytes, bytes]:
    """The Allow header (RFC 9110, section 10.2.1)."""
    return b"allow", ", ".join(methods).encode()


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
