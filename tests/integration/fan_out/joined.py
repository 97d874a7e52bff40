"""What carries messages between servers, once for each server of a test."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from server.fan_out.redis_fan_out import RedisFanOut
from tests.patience import PATIENCE

TOPIC = "news"


@dataclass
class Joined:
    """One server: what it has heard, and how often it was told that something may be missing."""

    fan_out: RedisFanOut
    heard: list[tuple[bytes, ...]] = field(default_factory=list)
    gaps: int = 0

    def __post_init__(self) -> None:
        self.fan_out.hear(TOPIC, lambda parts: self.heard.append(tuple(parts)), missed=self._missed)

    def tell(self, *texts: str) -> None:
        """Send some messages of one part."""
        for text in texts:
            self.fan_out.tell(TOPIC, text.encode())

    @property
    def texts(self) -> list[str]:
        """What was heard, each the first part of a message."""
        return [parts[0].decode() for parts in self.heard]

    def _missed(self) -> None:
        self.gaps += 1


@asynccontextmanager
async def joined(url: str, key: bytes = b"") -> AsyncIterator[Joined]:
    """Run one server's."""
    server = Joined(RedisFanOut(url, key or bytes(32)))
    task = asyncio.create_task(server.fan_out.run())
    try:
        await until(lambda: not server.fan_out.deaf)
        yield server
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled(), task.exception()


@asynccontextmanager
async def two_joined(url: str) -> AsyncIterator[tuple[Joined, Joined]]:
    """Run two servers' that know of each other, and of no other."""
    key = os.urandom(32)
    async with joined(url, key) as one, joined(url, key) as other:
        await met(one, other)
        yield one, other


async def met(one: Joined, other: Joined) -> None:
    """Wait until each hears the other."""
    greeting = os.urandom(4).hex()

    def both_heard() -> bool:
        one.tell(greeting)
        other.tell(greeting)
        return greeting in one.texts and greeting in other.texts

    await until(both_heard)
    await until(lambda: not one.fan_out._waiting and not other.fan_out._waiting)
    # What is on its way comes before this.
    one.tell("last")
    other.tell("last")
    await until(lambda: "last" in one.texts and "last" in other.texts)
    for server in (one, other):
        server.heard.clear()
        server.gaps = 0


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.002)
