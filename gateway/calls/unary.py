"""One request, one answer."""

import asyncio
from collections.abc import Awaitable

from google.protobuf.message import Message

from gateway.backend import Reply
from gateway.calls.departure import Departure
from gateway.calls.file_body import open_body
from gateway.calls.form import with_content_type
from gateway.calls.upstream import CallFacts, Upstream
from gateway.endpoint import Endpoint
from gateway.http.exchange import Exchange
from gateway.http.large_body import LARGE_BYTES
from gateway.http.request_body import read_whole, refuse_too_large
from gateway.http.whole_answer import is_plain, send_answer
from gateway.routing import Match


async def serve(upstream: Upstream, exchange: Exchange, endpoint: Endpoint, match: Match, facts: CallFacts) -> None:
    """Make the call and write its answer. Raises as `gateway.calls.serve` does."""
    if endpoint.takes_body:
        request = await read_request(exchange, endpoint, match)
    else:
        request = endpoint.bind(match.variables, exchange.scope["query_string"], exchange.scope["headers"], None)
    with Departure(exchange.receive, upstream.long_calls):
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
    if body is None or len(body) <= LARGE_BYTES:
        return endpoint.bind(match.variables, scope["query_string"], headers, body)
    return await asyncio.to_thread(endpoint.bind, match.variables, scope["query_string"], headers, body)


def answer(exchange: Exchange, endpoint: Endpoint, reply: Reply) -> Awaitable[None]:
    """Write the one answer of a call."""
    content_type, body = endpoint.write(reply.message)
    if is_plain(exchange.http_method, body, reply.initial_metadata, reply.trailing_metadata):
        return exchange.respond(endpoint.success_status, content_type, body)
    return send_answer(
        exchange,
        endpoint.success_status,
        content_type,
        body,
        initial_metadata=reply.initial_metadata,
        trailing_metadata=reply.trailing_metadata,
    )
