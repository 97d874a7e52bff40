"""One request, one answer."""

from typing import Final

from google.protobuf.message import Message

from gateway.backend import Reply
from gateway.calls.departure import Departure
from gateway.calls.file_body import open_body
from gateway.calls.form import with_content_type
from gateway.calls.upstream import CallFacts, Upstream
from gateway.endpoint import Endpoint
from gateway.exchange import Exchange, response_headers
from gateway.request_body import read_whole, refuse_too_large
from gateway.routing import Match

# Calls shorter than this are not watched for a client that leaves.
WATCH_AFTER_SECONDS: Final = 0.05


async def serve(upstream: Upstream, exchange: Exchange, endpoint: Endpoint, match: Match, facts: CallFacts) -> None:
    """Make the call and write its answer. Raises as `gateway.calls.serve` does."""
    request = await read_request(exchange, endpoint, match)
    with Departure(exchange.receive, WATCH_AFTER_SECONDS):
        reply = await upstream.backend.unary(endpoint.method, request, facts.metadata, facts.timeout_seconds)
    await answer(exchange, endpoint, reply)


async def read_request(exchange: Exchange, endpoint: Endpoint, match: Match) -> Message:
    """Read the body, if the binding takes one, and make the request. Raises GatewayError, ClientGone."""
    scope = exchange.scope
    headers = scope["headers"]
    body: bytes | None = None
    if endpoint.takes_body:
        if endpoint.form_part:
            content_type, first, rest = await open_body(exchange, endpoint)
            body = b"".join([first, *[piece async for piece in rest]])
            headers = with_content_type(headers, content_type)
        else:
            refuse_too_large(exchange.headers.get(b"content-length"), endpoint.max_body_bytes)
            body = await read_whole(exchange.receive, endpoint.max_body_bytes)
    return endpoint.bind(match.variables, scope["query_string"], headers, body)


async def answer(exchange: Exchange, endpoint: Endpoint, reply: Reply) -> None:
    """Write the one answer of a call."""
    content_type, body = endpoint.write(reply.message)
    await exchange.respond(endpoint.success_status, content_type, body, response_headers(reply.initial_metadata))
