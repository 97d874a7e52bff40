"""Work that is done again and again beside the calls."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from server.database.away import BREAKS

log: Final = structlog.get_logger(__name__)


async def repeat(work: Callable[[], Awaitable[object]], *, seconds: float, broken_off: str) -> None:
    """Do `work`, and again `seconds` after each turn, until cancelled.

    A turn that the database or the disk breaks off is a warning in the log, which says what was `broken_off`.
    """
    while True:
        try:
            await work()
        except BREAKS:
            log.warning(f"{broken_off}; the next turn goes on", exc_info=True)
        await asyncio.sleep(seconds)
