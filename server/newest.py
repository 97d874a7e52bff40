"""The newest of many things, for readers that walk along them at their own pace.

Things are numbered from 1. A reader that is slow delays nobody: what it was to read next is then no longer kept, and it
is told so.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Newest(Generic[T]):
    """Keeps the newest `count` things, and fewer where they are larger than `size` together."""

    def __init__(self, *, count: int, size: int = 0) -> None:
        self.next = 1
        """The number of the next thing."""
        self.readers = 0
        """How many walk along at present."""
        self._count = count
        self._largest_size = size
        self._kept: deque[tuple[T, int]] = deque()
        self._size = 0
        self._moved = asyncio.Event()

    @property
    def oldest(self) -> int:
        """The number of the oldest thing that is kept; `next` when none is."""
        return self.next - len(self._kept)

    def add(self, things: Sequence[tuple[T, int]]) -> None:
        """Keep things, each with its size, and wake the readers."""
        self._kept.extend(things)
        self.next += len(things)
        self._size += sum([size for _, size in things])
        while len(self._kept) > self._count or self._size > self._largest_size:
            self._size -= self._kept.popleft()[1]
        self._wake()

    def forget(self) -> None:
        """Keep nothing, and leave out a number, so that every reader learns that something is missing."""
        self._kept.clear()
        self._size = 0
        self.next += 1
        self._wake()

    async def walk(self, number: int | None) -> AsyncGenerator[tuple[int, T | None], None]:
        """Yield what comes from `number` on with its number; None begins before whatever is kept. Never ends by itself.

        None instead of a thing says that those before that number are no longer kept, because the reader is slow; the
        walk goes on with it. Whoever stops closes the generator.
        """
        self.readers += 1
        try:
            if number is None:
                number = self.oldest
                yield number, None
            while True:
                moved = self._moved
                while number < self.next:
                    if number < self.oldest:
                        number = self.oldest
                        yield number, None
                        continue
                    thing, _ = self._kept[number - self.oldest]
                    number += 1
                    yield number - 1, thing
                await moved.wait()
        finally:
            self.readers -= 1

    def _wake(self) -> None:
        if self.readers:
            moved, self._moved = self._moved, asyncio.Event()
            moved.set()
