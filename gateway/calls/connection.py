"""The connection under an exchange, which ASGI does not show; on uvicorn `send` is a method of what holds it.

With other servers a stuck reader's answer ends unfinished, and its connection closes once buffers drain or time out; a
client that hangs up while nothing is read is noticed when reading goes on.
"""

import asyncio
import logging
import select
from typing import Final

from gateway.calls.departure import Departure
from gateway.http.exchange import Exchange
from gateway.http.request_body import ClientGone

log = logging.getLogger(__name__)

LOOK_EVERY_SECONDS: Final = 0.5
# Linux tells whether the other side has hung up, even when the end stands behind bytes that nobody reads; other systems
# do not.
HUNG_UP: Final[int] = getattr(select, "POLLRDHUP", 0)


def transport_of(exchange: Exchange) -> asyncio.Transport | None:
    """The transport of the connection; None with servers that do not show it."""
    transport: asyncio.Transport | None = getattr(getattr(exchange.send, "__self__", None), "transport", None)
    return transport


def drop_reader(exchange: Exchange, seconds: float) -> None:
    """Throw away what waits to be sent to a reader that took nothing for `seconds`, and close the connection."""
    extra = {"request_id": exchange.request_id, "rpc": exchange.rpc, "seconds": seconds}
    log.warning("a reader takes nothing of its stream; its connection is dropped", extra=extra)
    transport = transport_of(exchange)
    if transport is not None:
        transport.abort()


class HangUpWatch:
    """Ends `departure` when the client hangs up while this block runs, in which nothing is read."""

    def __init__(self, exchange: Exchange, departure: Departure) -> None:
        self._exchange = exchange
        self._departure = departure
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        if HUNG_UP and transport_of(self._exchange) is not None:
            self._look_later()

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(LOOK_EVERY_SECONDS, self._look)

    def _look(self) -> None:
        transport = transport_of(self._exchange)
        if transport is None or has_hung_up(transport):
            self._departure.leave(ClientGone("the client has hung up"))
        else:
            self._look_later()


def has_hung_up(transport: asyncio.Transport) -> bool:
    """Whether nothing more will come from the other side."""
    connection = transport.get_extra_info("socket")
    if transport.is_closing() or connection is None:
        return transport.is_closing()
    poll = select.poll()
    poll.register(connection.fileno(), HUNG_UP)
    return bool(poll.poll(0))
