"""Writes the body of an answer piece by piece, keeps it alive in silence, and notices a reader that is stuck."""

import asyncio
from collections.abc import Iterable
from typing import Final

from gateway.backend import Metadata
from gateway.calls.connection import drop_reader
from gateway.calls.departure import Departure
from gateway.calls.reader_watch import ReaderWatch
from gateway.http.exchange import Exchange

# Headers wait for the first answer, so that a call that fails at once has its status. A page that opens an EventSource
# would meanwhile not know whether it is connected, and proxies give up on a request without an answer; so after a
# second without an answer the stream counts as open, and what goes wrong later is told in it.
OPEN_AFTER_SECONDS: Final = 1.0


class StreamWriter:
    """The body of one answer. Used by one task; its timers run beside it and never write at the same time."""

    def __init__(self, exchange: Exchange, departure: Departure, stuck_reader_seconds: float) -> None:
        self.started = False
        """Status and headers are out; an error can only be told in the body now."""
        self._exchange = exchange
        self._loop = asyncio.get_running_loop()
        self._stuck_seconds = stuck_reader_seconds
        self._sending = ReaderWatch(exchange, departure, stuck_reader_seconds)
        self._last_write = self._loop.time()
        self._beside: asyncio.Task[None] | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}

    @property
    def request_id(self) -> str:
        """Id of the request that is answered."""
        return self._exchange.request_id

    @property
    def bodiless(self) -> bool:
        """Whether the request wants headers only."""
        return self._exchange.http_method == "HEAD"

    async def start(
        self, status: int, headers: Iterable[tuple[bytes, bytes]], opening: bytes = b"", metadata: Metadata = ()
    ) -> None:
        """Send status and headers, also those the server sent as `metadata`, and `opening` as the body's beginning."""
        self.started = True
        await self._exchange.begin_stream(status, headers, metadata)
        if opening and not self.bodiless:
            await self._write(opening)

    async def write(self, data: bytes) -> None:
        """Send one piece and wait until the connection can take the next one."""
        if self._beside is not None:
            await self._beside
            self._beside = None
        await self._write(data)

    async def finish(self, metadata: Metadata = ()) -> None:
        """End the body; `metadata` is what the server sent behind it."""
        if self._beside is not None:
            await self._beside
        await self._exchange.end_stream(metadata)

    async def finish_with(self, data: bytes) -> None:
        """Send a last piece and end the body, when nobody watches the reader any more; one that is stuck is dropped."""
        try:
            async with asyncio.timeout(self._stuck_seconds):
                if data:
                    await self._write(data)
                await self.finish()
        except TimeoutError:
            drop_reader(self._exchange, self._stuck_seconds)

    def open_later(self, status: int, headers: Iterable[tuple[bytes, bytes]], opening: bytes) -> None:
        """Do what `start` does by itself when no answer comes within a second."""

        def start() -> None:
            if not self.started:
                self._beside = self._loop.create_task(self.start(status, headers, opening))
                # The task runs only after this; until then nobody else may start.
                self.started = True

        self._timers["open"] = self._loop.call_later(OPEN_AFTER_SECONDS, start)

    def keep_alive(self, data: bytes, seconds: float) -> None:
        """Send `data` whenever nothing was written for `seconds`."""

        def beat() -> None:
            now = self._loop.time()
            if self.started and self._sending.since is None and now >= self._last_write + seconds:
                self._beside = self._loop.create_task(self._write(data))
                self._last_write = now
            due = self._last_write + seconds
            self._timers["alive"] = self._loop.call_at(due if due > now else now + seconds, beat)

        self._timers["alive"] = self._loop.call_later(seconds, beat)

    def stop(self) -> None:
        """End all timers. Called in every case, also after a failure."""
        self._sending.stop()
        for timer in self._timers.values():
            timer.cancel()
        if self._beside is not None:
            self._beside.cancel()
            self._beside = None

    async def _write(self, data: bytes) -> None:
        with self._sending:
            await self._exchange.send_piece(data)
        self._last_write = self._loop.time()
