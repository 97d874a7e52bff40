"""How long is waited for something, without a timer for each wait."""

import asyncio
from collections.abc import Callable


class Patience:
    """Calls `exhausted` when a wait takes too long, unless another one has begun; what is waited for, it knows itself.

    The timer of an earlier wait is left running and looks at the time when it rings: to make one and to cancel it for
    each request would cost as much as reading the request.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, exhausted: Callable[[], None]) -> None:
        self._loop = loop
        self._exhausted = exhausted
        self._due: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = 0.0

    def wait(self, seconds: float) -> None:
        """Begin to wait, instead of what was waited for before."""
        self._due = due = self._loop.time() + seconds
        if self._timer is None or due < self._rings_at:
            self._set_timer(due)

    def close(self) -> None:
        """Never wait again."""
        self._due = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at = due
        self._timer = self._loop.call_at(due, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._due is None:
            return
        # Loops that count milliseconds ring a little early.
        if self._loop.time() < self._due:
            self._set_timer(self._due)
        else:
            self._due = None
            self._exhausted()
