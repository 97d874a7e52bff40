"""Patience with a cloud: what may work in a moment is tried again, and what takes its time is looked at until it is so.

A step that is tried again looks first for what it is about to make: an answer that was lost may have been a yes.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from workers.environments.provider import ProviderFailed

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Pauses:
    """How long is waited for a cloud, in seconds."""

    # Before the second try, the third ...; up to a third is added by chance, so that workers do not come all at once.
    tries: Sequence[float] = (1.0, 2.0, 4.0, 8.0, 16.0)
    # The longest that a cloud may ask for by Retry-After.
    longest: float = 60.0
    # Between two looks at something that is being done.
    look: float = 3.0
    # Until what is being done counts as failed. An image of some GB takes minutes.
    patience: float = 900.0


class Later(Exception):
    """The same may work in a moment: the cloud is busy, at fault, or has cut the connection."""

    def __init__(self, said: str, *, after_seconds: float = 0.0) -> None:
        super().__init__(said)
        self.after_seconds = after_seconds


class Said(Exception):
    """What a cloud said, for our own log only."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Tries again and waits, at one cloud."""

    cloud: str
    pauses: Pauses

    async def insist(self, step: Callable[[], Awaitable[Found]]) -> Found:
        """Return what `step` returns, tried again each time that it raises Later.

        Raises:
            ProviderFailed: it has said so too often.
        """
        for pause in self.pauses.tries:
            try:
                return await step()
            except Later as later:
                asked = min(later.after_seconds, self.pauses.longest)
                await asyncio.sleep(max(asked, pause * random.uniform(1.0, 4 / 3)))  # noqa: S311
        try:
            return await step()
        except Later as later:
            sentence = f"{self.cloud} did not answer, or is too busy"
            raise ProviderFailed(sentence, kind="ProviderBusy", retryable=True) from Said(str(later))

    async def wait_for(self, look: Callable[[], Awaitable[Found | None]], what: str) -> Found:
        """Return what `look` returns once it is not None; `what` ends "waited too long for ".

        Raises:
            ProviderFailed: it took too long.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + self.pauses.patience
        while True:
            found = await self.insist(look)
            if found is not None:
                return found
            if loop.time() > end:
                raise ProviderFailed(f"waited too long for {what} at {self.cloud}", retryable=True)
            await asyncio.sleep(self.pauses.look)


async def carried_out(call: Coroutine[Any, Any, Found]) -> Found:
    """Return what `call` returns. Broken off meanwhile, it is waited for first.

    A request that has been sent cannot be called back, and what comes next must not run beside it.
    """
    sent = asyncio.ensure_future(call)
    try:
        return await asyncio.shield(sent)
    except asyncio.CancelledError:
        await asyncio.wait([sent])
        if not sent.cancelled():
            sent.exception()  # looked at, so that nobody is told of an error that was never read
        raise
