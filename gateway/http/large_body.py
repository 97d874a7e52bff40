"""Large bodies are read beside the loop, so that one of them does not hold up everybody else.

A megabyte of good JSON takes some milliseconds. A refused one is read again to find out what is wrong, which takes a
hundred times as long; and it is read before anybody is asked for a credential.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from google.protobuf.message import Message

# Read at once up to here, as going beside the loop costs about as much as reading this.
LARGE_BYTES: Final = 64 * 1024


async def read_message(read: Callable[[bytes], Message], body: bytes) -> Message:
    """Return what `read` makes of `body`, and raise what it raises."""
    if len(body) <= LARGE_BYTES:
        return read(body)
    return await asyncio.to_thread(read, body)
