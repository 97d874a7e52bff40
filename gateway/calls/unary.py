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
from gateway.http.compression import MIN_BYTES
from gateway.http.exchange import Exchange
from gateway.http.large_body import LARGE_BYTES
from gateway.http.request_body import read_whole, refuse_too_large
from gateway.http.whole_answer import SAFE, send_answer
from gateway.routing import Match


async def serve(upstream: Upstream, exchange: Exchange, endpoint: Endpoint, match: Match, facts: CallFacts) -> None:
    """Make the call and write its answer. Raises as `gateway.calls.Serve` does."""
    if endpoint.takes_body:
        request = await read_request(exchange, endpoint, match)
    else:
        scope = exchange.scope
        request = endpoint.bind(match.variables, scope["query_string"], scope["headers"], None)
    metadata, timeout_seconds = facts
    with Departure(exchange.receive, upstream.long_calls):
        reply = await upstream.backend.unary(endpoint.method, request, metadata, timeout_seconds)
    await answer(exchange, endpoint, reply)


async def read_request(exchange: Exchange, endpoint: Endpoint, match: Match) -> Message:
    """Read the body, if the binding takes one, and make the request. Raises GatewayError, ClientGone."""
    scope = exchange.scope
    headers = scope["headers"]
    body: bytes | None = None
    if endpoint.form_part:
        return await read_file(exchange, endpoint, match)
    if endpoint.takes_body:
        limit = endpoint.max_body_bytes
        refuse_too_large(exchange.headers.get(b"content-length"), limit)
        body = await read_whole(exchange.receive, limit)
    if body is None or len(body) <= LARGE_BYTES:
        return endpoint.bind(match.variables, scope["query_string"], headers, body)
    return await asyncio.to_thread(endpoint.bind, match.variables, scope["query_string"], headers, body)


async def read_file(exchange: Exchange, endpoint: Endpoint, match: Match) -> Message:
    """Read a file, raw or in a form, and make the request. Raises GatewayError, ClientGone."""
    file = await open_body(exchange, endpoint)
    body = b"".join([file.first, *[piece async for piece in file.rest]])
    scope = exchange.scope
    headers = with_content_type(scope["headers"], file.content_type)
    request = endpoint.bind(match.variables, scope["query_string"], headers, body)
    file.name(request, endpoint)
    file.fill(request, endpoint)
    return request


def answer(exchange: Exchange, endpoint: Endpoint, reply: Reply) -> Awaitable[None]:
    """Write the one answer of a call."""
    message, initial_metadata, trailing_metadata = reply
    content_type, body = endpoint.write(message)
    if initial_metadata or trailing_metadata or len(body) >= MIN_BYTES or exchange.http_method in SAFE:
        return send_answer(
            exchange,
            endpoint.success_status,
            content_type,
            body,
            initial_metadata=initial_metadata,
            trailing_metadata=trailing_metadata,
        )
    # `send_answer` would add nothing. Most small answers are such.
    return exchange.respond(endpoint.success_status, content_type, body)
