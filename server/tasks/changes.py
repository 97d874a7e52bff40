"""Tells those who wait, in this process and at other servers, that something has changed.

A wake-up says only "look again"; what is true stands in the database. One of another server may be lost, so whoever
waits also looks again from time to time.
"""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from server.fan_out import ALONE, FanOut, Parts

# How often those who wait look at the database: where wake-ups of other servers arrive, and where they do not.
HEARING_LOOK_SECONDS: Final = 5.0
DEAF_LOOK_SECONDS: Final = 1.0

_TOPIC: Final = "changes"


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
    """Who waits for what. Keys are ids of Tasks, subjects, and what those choose who watch them."""

    def __init__(self, fan_out: FanOut = ALONE) -> None:
        self._fan_out = fan_out
        self._watches: dict[str, set[Watch]] = {}
        fan_out.hear(_TOPIC, self._heard, missed=self._wake_all)

    @property
    def look_seconds(self) -> float:
        """How long to wait before looking at the database all the same."""
        return DEAF_LOOK_SECONDS if self._fan_out.deaf else HEARING_LOOK_SECONDS

    @contextmanager
    def watch(self, *keys: str) -> Iterator[Watch]:
        """Hear of every change of one of `keys` while the context lasts.

        Enter it before you read what you wait for; then nothing falls between reading and waiting.
        """
        watch = Watch()
        with ExitStack() as stack:
            for key in keys:
                stack.enter_context(self._watched(key, watch))
            yield watch

    def notify(self, keys: Iterable[str]) -> None:
        """Wake everybody who waits for one of `keys`, at other servers too."""
        for key in keys:
            self._wake(key)
            self.notify_others(key)

    def notify_others(self, key: str) -> None:
        """Wake those at other servers who wait for `key`."""
        self._fan_out.tell(_TOPIC, key.encode())

    @contextmanager
    def _watched(self, key: str, watch: Watch) -> Iterator[None]:
        watches = self._watches.setdefault(key, set())
        watches.add(watch)
        try:
            yield
        finally:
            watches.discard(watch)
            if not watches:
                self._watches.pop(key, None)

    def _heard(self, parts: Parts) -> None:
        self._wake(parts[0].decode())

    def _wake(self, key: str) -> None:
        for watch in self._watches.get(key, ()):
            watch.wake()

    def _wake_all(self) -> None:
        for watches in self._watches.values():
            for watch in watches:
                watch.wake()
