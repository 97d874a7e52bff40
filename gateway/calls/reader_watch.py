"""Notices a reader that takes nothing of what is sent to it."""

import asyncio
from types import TracebackType

from gateway.calls.connection import drop_reader
from gateway.calls.departure import Departure
from gateway.http.exchange import Exchange
from gateway.http.request_body import ClientGone


class ReaderWatch:
    """Surrounds each wait for the connection; drops the connection, and ends the call, when one takes too long."""

    def __init__(self, exchange: Exchange, departure: Departure, stuck_reader_seconds: float) -> None:
        self.since: float | None = None
        """Since when somebody waits for the connection to take what is sent, in loop time; None while nobody does."""
        self._exchange = exchange
        self._departure = departure
        self._seconds = stuck_reader_seconds
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(stuck_reader_seconds, self._check)

    def __enter__(self) -> None:
        self.since = self._loop.time()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.since = None

    def stop(self) -> None:
        """Watch no more."""
        self._timer.cancel()

    def _check(self) -> None:
        now = self._loop.time()
        if self.since is not None and now >= self.since + self._seconds:
            drop_reader(self._exchange, self._seconds)
            self._departure.leave(ClientGone("the reader is stuck"))
        else:
            self._timer = self._loop.call_at((now if self.since is None else self.since) + self._seconds, self._check)
