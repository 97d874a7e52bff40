"""Tells those who wait within this process that something has changed.

A wake-up says only "look again"; what is true stands in the database. Changes made by another process are not heard,
so whoever waits also looks again from time to time.
"""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class Watch:
    """A place to wait for changes of one key. Changes heard before a wait end it at once."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def wake(self) -> None:
        """End the present wait, or the next one."""
        self._event.set()

    async def wait(self, timeout_seconds: float) -> bool:
        """Wait for a change, at most `timeout_seconds`, and return whether one was heard since the last wait."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True


class Changes:
    """Who waits for what. Keys are ids of Tasks and subjects."""

    def __init__(self) -> None:
        self._watches: dict[str, set[Watch]] = {}

    @contextmanager
    def watch(self, key: str) -> Iterator[Watch]:
        """Hear of every change of `key` while the context lasts.

        Enter it before you read what you wait for; then nothing falls between reading and waiting.
        """
        watch = Watch()
        watches = self._watches.setdefault(key, set())
        watches.add(watch)
        try:
            yield watch
        finally:
            watches.discard(watch)
            if not watches:
                self._watches.pop(key, None)

    def notify(self, keys: Iterable[str]) -> None:
        """Wake everybody who waits for one of `keys`."""
        for key in keys:
            for watch in self._watches.get(key, ()):
                watch.wake()
