"""Where events are turned from messages into rows and back: large amounts in a thread, so that the loop goes on."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from server.telemetry.events import event_store
from server.telemetry.events.event_store import StoredEvent
from switchyard.telemetry.v1.session_pb2 import Event

T = TypeVar("T")

# Less than this takes no longer than a few milliseconds, whatever it holds.
LARGE_BYTES: Final = 1024 * 1024


async def convert(size_bytes: int, work: Callable[[], T]) -> T:
    """Return what `work` returns, which converts about `size_bytes` of details."""
    return await asyncio.to_thread(work) if size_bytes > LARGE_BYTES else work()


async def to_messages(events: Sequence[StoredEvent]) -> list[Event]:
    """Return `events` as the contract shows them."""
    size_bytes = sum(len(event.details) for event in events)
    return await convert(size_bytes, lambda: [event_store.to_message(event) for event in events])
