"""A connection to Postgres that died in the pool is replaced before anybody is given it."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from server.database.liveness import look_after
from tests.integration.database.databases import database_url

BACKEND = sa.text("SELECT pg_backend_pid()")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return database_url("postgresql", tmp_path)


@pytest.fixture
async def engine(url: str, request: pytest.FixtureRequest) -> AsyncIterator[AsyncEngine]:
    """A pool of one connection, which is asked when it was idle for the seconds of the parameter."""
    engine = create_async_engine(
        sa.make_url(url).set(drivername="postgresql+asyncpg"), pool_size=1, max_overflow=0, pool_timeout=5
    )
    look_after(engine.sync_engine, idle_seconds=request.param)
    yield engine
    await engine.dispose()


async def backend(engine: AsyncEngine) -> int:
    """Return which process of Postgres answers."""
    async with engine.connect() as connection:
        return int((await connection.execute(BACKEND)).scalar_one())


async def end(url: str, process: int) -> None:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    await connection.fetchval("SELECT pg_terminate_backend($1, 5000)", process)
    await connection.close()


@pytest.mark.parametrize("engine", [3600.0], indirect=True)
async def test_one_that_was_closed_is_replaced_without_asking_it(engine: AsyncEngine, url: str) -> None:
    first = await backend(engine)
    await end(url, first)

    assert await backend(engine) != first


@pytest.mark.parametrize("engine", [0.0], indirect=True)
async def test_one_whose_end_nobody_has_heard_of_is_asked_and_replaced(engine: AsyncEngine, url: str) -> None:
    first = await backend(engine)
    # This loop stands still meanwhile, so it does not see the connection close.
    with ThreadPoolExecutor(1) as aside:
        aside.submit(asyncio.run, end(url, first)).result()

    assert await backend(engine) != first


@pytest.mark.parametrize("engine", [0.0, 3600.0], indirect=True)
async def test_one_that_lives_is_used_again(engine: AsyncEngine) -> None:
    assert await backend(engine) == await backend(engine)
