"""Ends the work for a request when nobody waits for it any more."""

import asyncio
from contextlib import suppress
from threading import get_ident
from types import TracebackType
from typing import Self

from gateway.http.request_body import ClientGone, Receive


class StreamsClosed(ClientGone):
    """The gateway is told to end its streams; the reader is there and gets a proper end."""


class Departure:
    """Cancels the block it surrounds when the client disconnects, or when told to; the block then raises the reason.

    Bodies and disconnections come over the same channel, so watching must begin after the body was read: with `watch`,
    or by `long_calls` if the block takes long. Pieces of a body that nobody wants are thrown away.
    """

    among: "set[Departure] | None" = None
    """For `LongCalls`: where it keeps those that it is to look at."""
    noticed = False
    """For `LongCalls`: the block was open when it last looked."""
    # Most calls never change these; one is made for every call.
    _watching: asyncio.Task[None] | None = None
    _reason: Exception | None = None
    _done = False
    _ended: asyncio.Event | None = None

    def __init__(self, receive: Receive, long_calls: "LongCalls | None" = None) -> None:
        self._receive = receive
        self._long_calls = long_calls
        self._task: asyncio.Task[object] | None = None

    def __enter__(self) -> Self:
        if self._long_calls is None:
            self._task = asyncio.current_task()
        else:
            self._task = self._long_calls.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done = True
        if self.among is not None:
            self.among.discard(self)
        if self._ended is not None:
            self._ended.set()
        if self._watching is not None:
            self._watching.cancel()
        if self._reason is not None:
            if self._task is not None:
                self._task.uncancel()
            raise self._reason from error

    def watch(self) -> None:
        """Begin to watch for a disconnection."""
        if not self._done and self._watching is None:
            self._watching = asyncio.get_running_loop().create_task(self._watch())

    def leave(self, reason: Exception) -> None:
        """Cancel the block, which then raises `reason`. Only the first reason counts, and none after the block."""
        if self._reason is None and not self._done:
            self._reason = reason
            if self._task is not None:
                self._task.cancel()

    def leave_soon(self, reason: Exception) -> None:
        """Do as `leave` says, from any thread. Nothing happens when the loop of the block is closed."""
        if self._task is not None:
            # Without a loop there is nothing left to end.
            with suppress(RuntimeError):
                self._task.get_loop().call_soon_threadsafe(self.leave, reason)

    async def over(self) -> None:
        """Wait until the cancellation has come through."""
        if not self._done:
            self._ended = asyncio.Event()
            await self._ended.wait()

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.leave(ClientGone("the client has left"))


class LongCalls:
    """Has clients watched whose calls last longer than `seconds`, at the latest after twice as long.

    One timer of a loop serves all its calls, and only while there are any: a timer for each would cost as much as a
    short call. Threads may have loops of their own; what one thread began does not concern another.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._threads: dict[int, CallsOfThread] = {}

    def add(self, departure: Departure) -> asyncio.Task[object] | None:
        """Have `departure` watched if it is still open after a while. Returns the task that makes the call."""
        # A dictionary, because `threading.local` takes a microsecond of every call.
        here = self._threads.get(get_ident())
        if here is None:
            here = self._threads[get_ident()] = CallsOfThread()
        departure.among = here.unwatched
        here.unwatched.add(departure)
        # To ask for the loop that runs costs a system call; to ask whether a task runs on a loop does not.
        task = None if here.loop is None else asyncio.current_task(here.loop)
        if task is None:
            # No timer runs, or one on a loop that was closed and took its timer with it.
            here.loop = loop = asyncio.get_running_loop()
            loop.call_later(self._seconds, self._look, here, loop)
            task = asyncio.current_task(loop)
        return task

    def _look(self, here: "CallsOfThread", loop: asyncio.AbstractEventLoop) -> None:
        for departure in tuple(here.unwatched):
            if departure.noticed:
                departure.watch()
                here.unwatched.discard(departure)
            departure.noticed = True
        if here.unwatched:
            loop.call_later(self._seconds, self._look, here, loop)
        else:
            here.loop = None


class CallsOfThread:
    """The calls that one thread makes, on one loop after another."""

    __slots__ = ("loop", "unwatched")

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        """Where the timer runs; None while none does."""
        self.unwatched: set[Departure] = set()
