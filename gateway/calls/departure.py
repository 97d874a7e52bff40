"""Ends the work for a request when nobody waits for it any more."""

import asyncio
from types import TracebackType
from typing import Self

from gateway.request_body import ClientGone, Receive


class StreamsClosed(ClientGone):
    """The gateway is told to end its streams; the reader is there and gets a proper end."""


class Departure:
    """Cancels the block it surrounds when the client disconnects, or when told to; the block then raises the reason.

    Bodies and disconnections come over the same channel, so watching must begin after the body was read. Pieces of a
    body that nobody wants are thrown away. Watching begins after `delay_seconds`, so that short calls need not pay for
    it; None leaves the beginning to `watch`.
    """

    def __init__(self, receive: Receive, delay_seconds: float | None) -> None:
        self._receive = receive
        self._delay_seconds = delay_seconds
        self._timer: asyncio.TimerHandle | None = None
        self._watching: asyncio.Task[None] | None = None
        self._reason: Exception | None = None
        self._done = False
        self._ended: asyncio.Event | None = None

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("there is no task to cancel")
        self._task = task
        if self._delay_seconds is not None:
            self._timer = self._loop.call_later(self._delay_seconds, self.watch)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done = True
        if self._ended is not None:
            self._ended.set()
        if self._timer is not None:
            self._timer.cancel()
        if self._watching is not None:
            self._watching.cancel()
        if self._reason is not None:
            self._task.uncancel()
            raise self._reason from error

    def watch(self) -> None:
        """Begin to watch for a disconnection."""
        if not self._done and self._watching is None:
            self._watching = self._loop.create_task(self._watch())

    def leave(self, reason: Exception) -> None:
        """Cancel the block, which then raises `reason`. Only the first reason counts, and none after the block."""
        if self._reason is None and not self._done:
            self._reason = reason
            self._task.cancel()

    async def over(self) -> None:
        """Wait until the cancellation has come through."""
        if not self._done:
            self._ended = asyncio.Event()
            await self._ended.wait()

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.leave(ClientGone("the client has left"))
