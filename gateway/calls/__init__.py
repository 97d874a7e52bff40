"""Makes the call a request asks for, and writes its answer: one module for each way an rpc is carried over HTTP."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import grpc

from gateway.calls import download, events, unary, upload
from gateway.calls.departure import StreamsClosed
from gateway.calls.upstream import CallFacts, Upstream
from gateway.endpoint import Endpoint, Kind
from gateway.errors import GatewayError, UpgradeRequired
from gateway.exchange import Exchange
from gateway.routing import Match

__all__ = ["CallFacts", "Upstream", "close_streams", "serve"]

Serve = Callable[[Upstream, Exchange, Endpoint, Match, CallFacts], Awaitable[None]]


async def _only_as_websocket(*_: object) -> None:
    raise UpgradeRequired


async def _not_over_http(*_: object) -> None:
    raise GatewayError(grpc.StatusCode.UNIMPLEMENTED, "This method cannot be called over HTTP.")


SERVE: Final[Mapping[Kind, Serve]] = {
    Kind.UNARY: unary.serve,
    Kind.EVENTS: events.serve,
    Kind.DOWNLOAD: download.serve,
    Kind.UPLOAD: upload.serve,
    Kind.WEBSOCKET: _only_as_websocket,
    Kind.UNSUPPORTED: _not_over_http,
}


async def serve(upstream: Upstream, exchange: Exchange, endpoint: Endpoint, match: Match, facts: CallFacts) -> None:
    """Make the call and write its answer.

    Raises:
        GatewayError: the request is refused before any call.
        CallFailed: the call failed. If the answer had begun, it must be left unfinished.
        ClientGone: nobody waits for the answer any more.
    """
    await SERVE[endpoint.kind](upstream, exchange, endpoint, match, facts)


def close_streams(upstream: Upstream) -> None:
    """End every open stream of events properly, so that a server that stops need not wait for its readers."""
    for departure in tuple(upstream.open_streams):
        departure.leave(StreamsClosed("the gateway stops"))
