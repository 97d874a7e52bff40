"""A stream of requests, and one answer."""

from gateway.calls.departure import Departure
from gateway.calls.requests import open_request_stream
from gateway.calls.unary import answer
from gateway.calls.upstream import CallFacts, Upstream
from gateway.endpoint import Endpoint
from gateway.http.exchange import Exchange
from gateway.routing import Match


async def serve(upstream: Upstream, exchange: Exchange, endpoint: Endpoint, match: Match, facts: CallFacts) -> None:
    """Make the call and write its answer. Raises as `gateway.calls.Serve` does."""
    with Departure(exchange.receive) as departure:
        async with open_request_stream(exchange, endpoint, match, departure) as requests:
            reply = await upstream.backend.collect(endpoint.method, requests, facts.metadata, facts.timeout_seconds)
    await answer(exchange, endpoint, reply)
