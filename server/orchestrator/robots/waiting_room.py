"""Where robots wait for a job: one is called for each job, the one that has waited longest.

Robots that take the same jobs stand in one queue. A robot that was called and finds nothing, because somebody else was
quicker, has kept its place.
"""

import asyncio
from bisect import bisect_left, insort
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple


class Taste(NamedTuple):
    """Which jobs a robot takes: kinds of their Tasks, and the tenant they are of, empty for any."""

    kinds: tuple[str, ...]
    tenant: str

    def likes(self, kind: str, tenant: str) -> bool:
        """Whether a job is one of these."""
        return kind in self.kinds and self.tenant in ("", tenant)


class Call(NamedTuple):
    """There is a job of that kind and tenant."""

    kind: str
    tenant: str


@dataclass(slots=True, eq=False)
class Place:
    """A place in the queue. `number` tells who was there before; `asleep`: there was no job when its robot looked."""

    number: int
    taste: Taste
    asleep: bool = False
    call: Call | None = None
    called: asyncio.Event = field(default_factory=asyncio.Event)


class WaitingRoom:
    """The queues of this process."""

    def __init__(self) -> None:
        self._next = 0
        # Those who were not called, by number.
        self._queues: dict[Taste, list[Place]] = {}
        self._closed = asyncio.Event()

    @property
    def closed(self) -> bool:
        """Whether everybody was sent home."""
        return self._closed.is_set()

    @contextmanager
    def place(self, taste: Taste) -> Iterator[Place]:
        """Stand in the queue while the context lasts.

        Enter it before you look for a job; then no call falls between looking and waiting. A call that comes too late
        for you is for the next one.
        """
        self._next += 1
        place = Place(self._next, taste)
        self._stand(place)
        try:
            yield place
        finally:
            self._leave(place)

    def anybody_before(self, place: Place) -> bool:
        """Whether somebody who came before waits for the same jobs: then there are none."""
        for other in self._queues.get(place.taste, ()):
            if other is place:
                return False
            if other.asleep:
                return True
        return False

    async def wait(self, place: Place, seconds: float) -> Call | None:
        """Wait to be called, at most so long, and return what for; None if there was no call.

        Whoever was called stands in the queue again, where he stood before.
        """
        place.asleep = True
        try:
            async with asyncio.timeout(seconds):
                await place.called.wait()
        except TimeoutError:
            pass
        finally:
            place.asleep = False
        call, place.call = place.call, None
        place.called.clear()
        if call is not None:
            self._stand(place)
        return call

    def call(self, call: Call, count: int = 1) -> bool:
        """Call as many robots as there are such jobs, and return whether there were enough."""
        for _ in range(count):
            heads = [queue[0] for taste, queue in self._queues.items() if taste.likes(*call)]
            if not heads:
                return False
            first = min(heads, key=_number)
            self._step_out(first)
            first.call = call
            first.called.set()
        return True

    def waiting(self) -> dict[Taste, int]:
        """Return how many wait for which jobs."""
        return {taste: len(queue) for taste, queue in self._queues.items()}

    def close(self) -> None:
        """Send everybody home, those too who come later."""
        self._closed.set()
        for queue in self._queues.values():
            for place in queue:
                place.called.set()

    def _stand(self, place: Place) -> None:
        insort(self._queues.setdefault(place.taste, []), place, key=_number)
        if self.closed:
            place.called.set()

    def _step_out(self, place: Place) -> None:
        queue = self._queues[place.taste]
        queue.pop(bisect_left(queue, place.number, key=_number))
        if not queue:
            del self._queues[place.taste]

    def _leave(self, place: Place) -> None:
        if place.call is None:
            self._step_out(place)
        else:
            self.call(place.call)


def _number(place: Place) -> int:
    return place.number
