"""Writes the body of an answer piece by piece, keeps it alive in silence, and notices a reader that is stuck."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Final

from gateway.calls.departure import Departure
from gateway.exchange import Exchange
from gateway.request_body import ClientGone

log = logging.getLogger(__name__)

# A reader of events is told that the stream is open, at the latest after so many seconds without an answer.
OPEN_AFTER_SECONDS: Final = 1.0


class StreamWriter:
    """The body of one answer. Used by one task; its timers run beside it and never write at the same time."""

    def __init__(self, exchange: Exchange, departure: Departure, stuck_reader_seconds: float) -> None:
        self.started = False
        """Status and headers are out; an error can only be told in the body now."""
        self._exchange = exchange
        self._departure = departure
        self._loop = asyncio.get_running_loop()
        self._stuck_seconds = stuck_reader_seconds
        self._sending_since: float | None = None
        self._last_write = self._loop.time()
        self._beside: asyncio.Task[None] | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._timers["stuck"] = self._loop.call_later(stuck_reader_seconds, self._check_reader)

    @property
    def request_id(self) -> str:
        """Id of the request that is answered."""
        return self._exchange.request_id

    @property
    def bodiless(self) -> bool:
        """Whether the request wants headers only."""
        return self._exchange.http_method == "HEAD"

    async def start(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Send status and headers."""
        self.started = True
        await self._exchange.begin(status, headers)

    async def write(self, data: bytes) -> None:
        """Send one piece and wait until the connection can take the next one."""
        if self._beside is not None:
            await self._beside
            self._beside = None
        await self._write(data)

    async def finish(self) -> None:
        """End the body."""
        if self._beside is not None:
            await self._beside
        await self._exchange.send({"type": "http.response.body", "body": b""})

    def open_later(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Send status and headers by itself when no answer comes within a second."""

        def start() -> None:
            if not self.started:
                self.started = True
                self._beside = self._loop.create_task(self._exchange.begin(status, headers))

        self._timers["open"] = self._loop.call_later(OPEN_AFTER_SECONDS, start)

    def keep_alive(self, data: bytes, seconds: float) -> None:
        """Send `data` whenever nothing was written for `seconds`."""

        def beat() -> None:
            now = self._loop.time()
            if self.started and self._sending_since is None and now >= self._last_write + seconds:
                self._beside = self._loop.create_task(self._write(data))
                self._last_write = now
            due = self._last_write + seconds
            self._timers["alive"] = self._loop.call_at(due if due > now else now + seconds, beat)

        self._timers["alive"] = self._loop.call_later(seconds, beat)

    def stop(self) -> None:
        """End all timers. Called in every case, also after a failure."""
        for timer in self._timers.values():
            timer.cancel()
        if self._beside is not None and not self._beside.done():
            self._beside.cancel()

    async def _write(self, data: bytes) -> None:
        self._sending_since = self._loop.time()
        await self._exchange.send({"type": "http.response.body", "body": data, "more_body": True})
        self._sending_since = None
        self._last_write = self._loop.time()

    def _check_reader(self) -> None:
        now = self._loop.time()
        since = self._sending_since
        if since is not None and now >= since + self._stuck_seconds:
            extra = {"request_id": self._exchange.request_id, "rpc": self._exchange.rpc, "seconds": self._stuck_seconds}
            log.warning("a reader takes nothing of its stream; its connection is dropped", extra=extra)
            abort_connection(self._exchange)
            self._departure.leave(ClientGone("the reader is stuck"))
            return
        self._timers["stuck"] = self._loop.call_at(
            (now if since is None else since) + self._stuck_seconds, self._check_reader
        )


def abort_connection(exchange: Exchange) -> None:
    """Throw away what waits to be sent and close the connection, where the ASGI server lets us.

    ASGI has no such message. uvicorn's `send` is a method of an object that holds the transport; with other servers the
    answer ends unfinished, and the connection closes once its buffers drain or time out.
    """
    transport = getattr(getattr(exchange.send, "__self__", None), "transport", None)
    if transport is not None:
        transport.abort()
