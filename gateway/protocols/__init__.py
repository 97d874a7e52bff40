"""Calls by the path of the rpc itself, "/package.Service/Method": Connect and gRPC-Web.

These are for clients made from the contract. They need no path template, but are bound by everything an HTTP route of
the rpc is bound by: its listener, its limits and the window they count in, what of the headers goes on and what comes
back. What belongs to the form of a route does not apply: the JSON dialect, the shape of errors, status codes, fields
filled from headers and default values. A server sees what it would see of a gRPC client.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import lru_cache
from typing import Final

from google.protobuf import descriptor_pb2

from gateway.backend import Metadata
from gateway.calls import CallFacts, Upstream
from gateway.contract.services import Method
from gateway.errors import MethodNotAllowed, UnsupportedMediaType
from gateway.http.coded_body import CodingUnknown, decoded
from gateway.http.deadline import allowed_seconds
from gateway.http.exchange import JSON, Exchange
from gateway.http.rate_limit import Window
from gateway.http.request_body import ClientGone
from gateway.protocols.connect_stream import ConnectStream
from gateway.protocols.connect_unary import ConnectGet, ConnectPost
from gateway.protocols.envelope_call import explain
from gateway.protocols.grpc_web import GrpcWeb
from gateway.protocols.message_coding import CodingNotImplemented
from gateway.protocols.procedure import Procedure, Wire, compile_procedure

# Lets a request in, or raises GatewayError: counts it in the window and gives the metadata of its call.
Admit = Callable[[Exchange, Window | None], Awaitable[Metadata]]

GRPC_WEB: Final[Mapping[bytes, Wire]] = {
    content_type: GrpcWeb(content_type, codec, text)
    for content_type, codec, text in (
        (b"application/grpc-web", "proto", False),
        (b"application/grpc-web+proto", "proto", False),
        (b"application/grpc-web+json", "json", False),
        (b"application/grpc-web-text", "proto", True),
        (b"application/grpc-web-text+proto", "proto", True),
    )
}
UNARY: Final[Mapping[bytes, Wire]] = {
    JSON: ConnectPost("json"),
    b"application/proto": ConnectPost("proto"),
    **GRPC_WEB,
}
STREAMS: Final[Mapping[bytes, Wire]] = {
    b"application/connect+json": ConnectStream("json"),
    b"application/connect+proto": ConnectStream("proto"),
    **GRPC_WEB,
}
NO_SIDE_EFFECTS: Final = descriptor_pb2.MethodOptions.NO_SIDE_EFFECTS


class NotAnRpcBody(UnsupportedMediaType):
    """The body is of a type that no protocol of the rpc has. Connect wants to be told of the others in Accept-Post."""

    def __init__(self, accepted: str) -> None:
        super().__init__(accepted)
        self.headers = (*self.headers, ("accept-post", accepted))


def compile_procedures(methods: Iterable[Method]) -> Mapping[bytes, Procedure]:
    """Make `methods` ready for all protocols that can carry them. Keys are their paths."""
    return {method.full_name.encode(): _ready(method) for method in methods}


@lru_cache(maxsize=4096)
def _ready(method: Method) -> Procedure:
    if method.client_streaming or method.server_streaming:
        return compile_procedure(method, STREAMS, None)
    options = descriptor_pb2.MethodOptions.FromString(method.descriptor.GetOptions().SerializeToString())
    return compile_procedure(method, UNARY, ConnectGet() if options.idempotency_level == NO_SIDE_EFFECTS else None)


def owns(procedure: Procedure, exchange: Exchange) -> bool:
    """Whether the body is of a type that only these protocols have. JSON may be for a route on the same path."""
    content_type = media_type(exchange)
    return content_type != JSON and content_type in procedure.posts and exchange.http_method == "POST"


def allowed_methods(procedure: Procedure) -> tuple[str, ...]:
    """HTTP methods of the path, sorted."""
    return ("OPTIONS", "POST") if procedure.get is None else ("GET", "HEAD", "OPTIONS", "POST")


async def serve(
    upstream: Upstream, exchange: Exchange, procedure: Procedure, admit: Admit, longest_call_seconds: float | None
) -> None:
    """Serve one request to the path of an rpc. Once it is clear what protocol it speaks, all errors are told in that.

    `longest_call_seconds` bounds calls that have one answer.

    Raises:
        GatewayError: it speaks none.
        ClientGone: nobody waits for the answer any more.
    """
    wire = choose_wire(procedure, exchange)
    try:
        metadata = await admit(exchange, procedure.window)
        longest = None if procedure.method.server_streaming else longest_call_seconds
        facts = CallFacts(metadata, allowed_seconds(wire.asked_seconds(exchange.headers), longest))
        decode_body(exchange)
        await wire.serve(upstream, exchange, procedure, facts)
    except Exception as error:
        if isinstance(error, ClientGone | UnsupportedMediaType) or exchange.status:
            raise
        await wire.refuse(exchange, explain(error, upstream.reasons, exchange.request_id))


def decode_body(exchange: Exchange) -> None:
    """Have the body decoded that is compressed as a whole. Raises CodingNotImplemented."""
    coding = exchange.headers.get(b"content-encoding")
    if coding is not None and exchange.http_method == "POST":
        try:
            exchange.receive = decoded(exchange.receive, coding)
        except CodingUnknown as error:
            raise CodingNotImplemented("header Content-Encoding") from error


def choose_wire(procedure: Procedure, exchange: Exchange) -> Wire:
    """The protocol and encoding of a request. Raises MethodNotAllowed, UnsupportedMediaType."""
    if exchange.http_method in ("GET", "HEAD") and procedure.get is not None:
        return procedure.get
    if exchange.http_method != "POST":
        raise MethodNotAllowed(allowed_methods(procedure))
    wire = procedure.posts.get(media_type(exchange))
    if wire is None:
        raise NotAnRpcBody(b", ".join(procedure.posts).decode())
    return wire


def media_type(exchange: Exchange) -> bytes:
    """Content type of the request in lower case, without parameters; empty when there is none."""
    return exchange.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
