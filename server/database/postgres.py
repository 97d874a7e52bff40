"""Postgres through asyncpg: for several servers over one database.

Units of work run side by side at READ COMMITTED, each in a transaction of its own. A unit that decides on what it has
read locks it first: rows with FOR UPDATE, anything else with `server.database.locks`.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Final, Self, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from server.database import schema

T = TypeVar("T")

POOL_SIZE: Final = 10
POOL_OVERFLOW: Final = 10
# Source: PostgreSQL, appendix A. serialization_failure and deadlock_detected: nothing was done, trying again may do.
TRANSIENT: Final = frozenset({"40001", "40P01"})
WRITE_TRIES: Final = 8
RETRY_SECONDS: Final = 0.005
# Any number that no other program takes; "swyd" in ASCII.
SCHEMA_LOCK: Final = 0x73777964


class PostgresDatabase:
    """A database in Postgres. Made by `open`."""

    dialect: Final = "postgresql"

    def __init__(self, engine: AsyncEngine) -> None:
        self._writing = engine
        self._reading = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._scanning = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @classmethod
    async def open(cls, url: URL) -> Self:
        """Connect to the database at `url` and bring its schema up to date.

        Raises:
            SchemaTooNew: a newer program has changed the schema.
        """
        engine = create_async_engine(
            url.set(drivername="postgresql+asyncpg"),
            pool_size=POOL_SIZE,
            max_overflow=POOL_OVERFLOW,
            pool_pre_ping=True,  # a restart of Postgres must not cost the first caller of each connection
        )
        try:
            async with engine.begin() as connection:
                await connection.run_sync(_upgrade)
        except BaseException:
            await engine.dispose()
            raise
        return cls(engine)

    async def read(self, query: Callable[[sa.Connection], T]) -> T:
        """Run a short `query`. Each of its statements sees everything committed."""
        async with self._reading.connect() as connection:
            return await connection.run_sync(query)

    async def scan(self, query: Callable[[sa.Connection], T]) -> T:
        """Run a long `query`. It sees one state of the database throughout."""
        async with self._scanning.connect() as connection:
            return await connection.run_sync(query)

    async def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Run `work` in a transaction and return what it returns, after the commit is on disk."""
        for tries in range(1, WRITE_TRIES + 1):
            try:
                async with self._writing.begin() as connection:
                    return await connection.run_sync(work)
            except sa.exc.DBAPIError as error:
                if tries == WRITE_TRIES or getattr(error.orig, "sqlstate", None) not in TRANSIENT:
                    raise
            # Units that hindered one another must not meet again at the same moment.
            await asyncio.sleep(random.uniform(0.0, RETRY_SECONDS * 2**tries))  # noqa: S311
        raise AssertionError("the last try returns or raises")

    async def close(self) -> None:
        """Close every connection."""
        await self._writing.dispose()


def _upgrade(connection: sa.Connection) -> None:
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": SCHEMA_LOCK})
    schema.upgrade(connection)
