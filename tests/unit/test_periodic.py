"""Work that is done again and again outlives what breaks off one turn of it."""

import asyncio
import contextlib
import sqlite3
from typing import Final

import pytest
import sqlalchemy as sa

from server.periodic import repeat
from tests.patience import PATIENCE

BREAKS: Final = [
    OSError("no space left on device"),
    sqlite3.OperationalError("database is locked"),
    sa.exc.OperationalError("SELECT 1", {}, Exception("the server is shutting down")),
    sa.exc.TimeoutError("every connection of the pool is taken"),
]


@pytest.mark.parametrize("broken", BREAKS, ids=lambda broken: type(broken).__module__ + "." + type(broken).__name__)
async def test_a_turn_that_is_broken_off_is_followed_by_the_next_one(broken: Exception) -> None:
    turns = iter([broken])
    went_on = asyncio.Event()

    async def turn() -> None:
        for error in turns:
            raise error
        went_on.set()

    work = asyncio.create_task(repeat(turn, seconds=0.001, broken_off="this was broken off"))
    await asyncio.wait_for(went_on.wait(), PATIENCE)
    work.cancel()

    with contextlib.suppress(asyncio.CancelledError):
        await work
    assert work.cancelled()


async def test_a_fault_of_ours_is_not_hidden() -> None:
    async def turn() -> None:
        raise KeyError("a fault")

    with pytest.raises(KeyError):
        await repeat(turn, seconds=0.001, broken_off="this was broken off")
