"""Makes the call a request asks for, and writes its answer: one module for each way an rpc is carried over HTTP."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from gateway.calls import collect, download, events, unary
from gateway.calls.departure import StreamsClosed
from gateway.calls.upstream import CallFacts, Upstream
from gateway.endpoint import Endpoint, Kind
from gateway.errors import UpgradeRequired
from gateway.http.exchange import Exchange
from gateway.routing import Match

__all__ = ["SERVE", "CallFacts", "Serve", "Upstream", "close_streams"]

# Makes the call and writes its answer. It may raise before it gives back what is to be awaited.
#
# Raises:
#     GatewayError: the request is refused before any call.
#     CallFailed: the call failed. If the answer had begun, it must be left unfinished.
#     ClientGone: nobody waits for the answer any more.
Serve = Callable[[Upstream, Exchange, Endpoint, Match, CallFacts], Awaitable[None]]


async def _only_as_websocket(*_: object) -> None:
    raise UpgradeRequired


SERVE: Final[Mapping[Kind, Serve]] = {
    Kind.UNARY: unary.serve,
    Kind.EVENTS: events.serve,
    Kind.DOWNLOAD: download.serve,
    Kind.COLLECT: collect.serve,
    Kind.WEBSOCKET: _only_as_websocket,
}


def close_streams(upstream: Upstream) -> None:
    """End every open stream of events properly, so that a server that stops need not wait for its readers.

    May be called from any thread.
    """
    for departure in tuple(upstream.open_streams):
        departure.leave_soon(StreamsClosed("the gateway stops"))
