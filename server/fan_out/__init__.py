"""What one server tells the others, where several serve one database.

Nothing here is the truth: that stands in the database, and whoever waits for it looks again from time to time. What is
told makes them look at once, or shows what is worth something only while it happens. A telling may be lost, and then
those who may have missed it are told that.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

Parts = Sequence[bytes]
Listener = Callable[[Parts], None]


class FanOut(Protocol):
    """Carries messages from each server to all others. A message is a topic and some parts, which the topic explains.

    Messages of one server arrive in their order; those of several in any.
    """

    @property
    def deaf(self) -> bool:
        """Whether there may be others whose messages do not arrive at present: look at the database more often."""

    @property
    def alone(self) -> bool:
        """Whether nobody else would hear a message at present."""

    def tell(self, topic: str, *parts: bytes) -> None:
        """Send a message to all other servers. Returns at once and never fails; equal ones that wait are sent once."""

    def hear(self, topic: str, listener: Listener, *, missed: Callable[[], None]) -> None:
        """Have `listener` called with each message of others, and `missed` when some may not have arrived.

        Both return at once. `missed` is called once when the others are no longer heard, and once when they are again.
        """


class Alone:
    """Stands in where nothing carries messages. `deaf`: there may be other servers all the same."""

    alone = True

    def __init__(self, *, deaf: bool = True) -> None:
        self.deaf = deaf

    def tell(self, topic: str, *parts: bytes) -> None:
        """Do nothing."""

    def hear(self, topic: str, listener: Listener, *, missed: Callable[[], None]) -> None:
        """Do nothing: there is nothing to hear."""

    async def run(self) -> None:
        """Do nothing until cancelled."""
        await asyncio.Event().wait()


ALONE = Alone()
