"""Postgres through asyncpg: for several servers over one database.

Units of work run side by side at READ COMMITTED, each in a transaction of its own. A unit that decides on what it has
read locks it first: rows with FOR UPDATE, anything else with `server.database.locks`.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Any, Final, Self, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from server.database import after_commit, liveness, schema
from server.database.after_commit import Tell
from server.database.closed import DatabaseClosed
from server.database.first_change import FIRST_CHANGE
from server.database.metrics import observed
from server.database.pool import Pool

T = TypeVar("T")

POOL_SIZE: Final = 10
POOL_OVERFLOW: Final = 10
CRAWLS: Final = 2
# Source: PostgreSQL, appendix A. serialization_failure and deadlock_detected: nothing was done, trying again may do.
TRANSIENT: Final = frozenset({"40001", "40P01"})
WRITE_TRIES: Final = 8
RETRY_SECONDS: Final = 0.005
CHANGING: Final = ("INSERT", "UPDATE", "DELETE")
CHANGES: Final = "changes"
# Any number that no other program takes; "swyd" in ASCII.
SCHEMA_LOCK: Final = 0x73777964


class PostgresDatabase:
    """A database in Postgres. Made by `open`."""

    dialect: Final = "postgresql"

    def __init__(self, engine: AsyncEngine) -> None:
        sa.event.listen(engine.sync_engine, "after_cursor_execute", _count_changes)
        self._writing = engine
        self._reading = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._scanning = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._crawling = asyncio.Semaphore(CRAWLS)
        self._closed = False

    @classmethod
    async def open(cls, url: URL, *, migrate: bool = True) -> Self:
        """Connect to the database at `url` and bring its schema up to date, or only look whether it is.

        Raises:
            SchemaTooNew: a newer program has changed the schema.
            SchemaTooOld: the schema is not up to date, and not to be changed.
        """
        engine = create_async_engine(
            url.set(drivername="postgresql+asyncpg"),
            pool_size=POOL_SIZE,
            max_overflow=POOL_OVERFLOW,
        )
        liveness.look_after(engine.sync_engine)
        try:
            async with engine.begin() as connection:
                await connection.run_sync(_upgrade if migrate else schema.require)
        except BaseException:
            await engine.dispose()
            raise
        return cls(engine)

    @property
    def pool(self) -> Pool:
        """Return the connections there may be, those that open only under load included."""
        size = POOL_SIZE + POOL_OVERFLOW
        return Pool(size, size - self._writing.pool.checkedout())  # type: ignore[attr-defined]

    async def read(self, query: Callable[[sa.Connection], T]) -> T:
        """Run a short `query`. Each of its statements sees everything committed."""
        async with self._usable(self._reading).connect() as connection:
            return await connection.run_sync(query)

    async def scan(self, query: Callable[[sa.Connection], T]) -> T:
        """Run a long `query`. It sees one state of the database throughout."""
        async with self._usable(self._scanning).connect() as connection:
            return await connection.run_sync(query)

    async def crawl(self, query: Callable[[sa.Connection], T]) -> T:
        """Run a `query` that may take minutes; few of them at once, so that connections are left for others."""
        async with self._crawling:
            return await self.scan(query)

    async def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Run `work` in a transaction and return what it returns, after the commit is on disk."""
        first = FIRST_CHANGE.get()
        if first is not None and first.wanted:
            return await first.write(work, self._write, _changes)
        return await self._write(work)

    async def _write(self, work: Callable[[sa.Connection], T]) -> T:
        return await observed(self._commit_in_the_end(work))

    async def _commit_in_the_end(self, work: Callable[[sa.Connection], T]) -> T:
        for tries in range(1, WRITE_TRIES + 1):
            try:
                return await self._commit(work)
            except sa.exc.DBAPIError as error:
                if tries == WRITE_TRIES or getattr(error.orig, "sqlstate", None) not in TRANSIENT:
                    raise
            # Units that hindered one another must not meet again at the same moment.
            await asyncio.sleep(random.uniform(0.0, RETRY_SECONDS * 2**tries))  # noqa: S311
        raise AssertionError("the last try returns or raises")

    async def _commit(self, work: Callable[[sa.Connection], T]) -> T:
        def unit(connection: sa.Connection) -> tuple[T, list[Tell]]:
            tells = after_commit.begin(connection)
            return work(connection), tells

        async with self._usable(self._writing).begin() as connection:
            value, tells = await connection.run_sync(unit)
        for tell in tells:
            # A fault in one of them is its own.
            asyncio.get_running_loop().call_soon(tell)
        if tells:
            # They come before the caller goes on.
            await asyncio.sleep(0)
        return value

    async def close(self) -> None:
        """Close every connection; none is opened any more."""
        self._closed = True
        await self._writing.dispose()

    def _usable(self, engine: AsyncEngine) -> AsyncEngine:
        """Return `engine`. It would open connections again after it was disposed of.

        Raises:
            DatabaseClosed: the database was closed.
        """
        if self._closed:
            raise DatabaseClosed
        return engine


def _count_changes(
    connection: sa.Connection, cursor: Any, statement: str, _parameters: Any, context: Any, _many: bool
) -> None:
    """Count the statements on a connection that have changed a row. Of many rows at once the driver tells no number."""
    changing = context.isinsert or context.isupdate or context.isdelete or statement.startswith(CHANGING)
    if changing and cursor.rowcount:
        connection.info[CHANGES] = _changes(connection) + 1


def _changes(connection: sa.Connection) -> int:
    return int(connection.info.get(CHANGES, 0))


def _upgrade(connection: sa.Connection) -> None:
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": SCHEMA_LOCK})
    schema.upgrade(connection)
