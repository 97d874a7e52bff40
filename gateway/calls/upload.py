"""A stream of requests that are the pieces of one body, and one answer."""

from collections.abc import AsyncIterator, Sequence

from google.protobuf.message import Message

from gateway.calls.departure import Departure
from gateway.calls.file_body import open_body
from gateway.calls.form import split, with_content_type
from gateway.calls.unary import answer
from gateway.calls.upstream import CallFacts, Upstream
from gateway.endpoint import Endpoint
from gateway.errors import GatewayError
from gateway.exchange import Exchange
from gateway.request_body import ClientGone
from gateway.routing import Match


async def serve(upstream: Upstream, exchange: Exchange, endpoint: Endpoint, match: Match, facts: CallFacts) -> None:
    """Make the call and write its answer. Raises as `gateway.calls.serve` does."""
    content_type, first, rest = await open_body(exchange, endpoint)
    pieces = split(first)
    headers = with_content_type(exchange.scope["headers"], content_type)
    request = endpoint.bind(match.variables, exchange.scope["query_string"], headers, pieces[0] if pieces else b"")
    if endpoint.last_field:
        # A query parameter of that name is no word of ours.
        request.ClearField(endpoint.last_field)
    with Departure(exchange.receive, None) as departure:
        requests = feed(endpoint, request, pieces[1:], rest, departure)
        reply = await upstream.backend.collect(endpoint.method, requests, facts.metadata, facts.timeout_seconds)
    await answer(exchange, endpoint, reply)


async def feed(
    endpoint: Endpoint, first: Message, pieces: Sequence[bytes], rest: AsyncIterator[bytes], departure: Departure
) -> AsyncIterator[Message]:
    """Yield the requests of an upload. A body that breaks off or is refused half-way ends the call from outside."""
    yield first
    for piece in pieces:
        yield piece_of(endpoint, piece)
    try:
        async for data in rest:
            for piece in split(data):
                yield piece_of(endpoint, piece)
    except (GatewayError, ClientGone) as refusal:
        departure.leave(refusal)
        # The servicer must see a cancelled call and not the end of the body.
        await departure.over()
        return
    if endpoint.last_field:
        yield last_request(endpoint)
    departure.watch()


def piece_of(endpoint: Endpoint, data: bytes) -> Message:
    """A request that carries the next bytes and nothing else."""
    request = endpoint.method.input_class()
    getattr(request, endpoint.body_field).data = data
    return request


def last_request(endpoint: Endpoint) -> Message:
    """A request that says that the body was whole and carries nothing else."""
    request = endpoint.method.input_class()
    setattr(request, endpoint.last_field, True)
    return request
