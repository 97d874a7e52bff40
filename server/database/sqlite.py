"""SQLite in WAL mode: one thread writes, everybody reads.

The writer takes all units of work that wait, runs each in a savepoint of one transaction, commits once and then
answers all of them, so that many small writes share one wait for the disk. With `synchronous=FULL` an answered write
survives the death of the process and the loss of power alike.

Short reads run on the event loop's own read-only connection: a point read takes less time than a hop to a thread.
"""

import asyncio
import contextvars
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote

import sqlalchemy as sa

from server.database import after_commit, schema
from server.database.after_commit import Tell
from server.database.closed import DatabaseClosed
from server.database.first_change import FIRST_CHANGE
from server.database.metrics import observed
from server.database.pool import Pool

T = TypeVar("T")

# How long to wait for another process that holds the file, such as one that changes its schema.
BUSY_SECONDS: Final = 30
BUSY_PAUSE_SECONDS: Final = 0.01
# A group of units is committed once it has taken this long, so that a stream of large units delays nobody for longer.
GROUP_SECONDS: Final = 0.05
SCAN_THREADS: Final = 2
CRAWL_THREADS: Final = 2
# One for each thread, and one for the event loop.
CONNECTIONS: Final = SCAN_THREADS + CRAWL_THREADS + 1
# Readers look at so much of the file in the memory of the system, without a copy of their own: searches in a large file
# take half the time.
MAPPED_BYTES: Final = 2**31 - 2**16
# Largest size of the write-ahead log after a checkpoint.
WAL_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of work that waits for the writer, with the context and the future of its caller."""

    work: Callable[[sa.Connection], Any]
    context: contextvars.Context
    future: asyncio.Future[Any]


@dataclass(slots=True)
class Outcome:
    """What became of a unit: a value and what is to be told, or the error that its caller gets."""

    unit: Unit
    value: Any = None
    error: BaseException | None = None
    tells: Sequence[Tell] = ()

    def settle(self) -> None:
        """Answer the caller, unless it was cancelled in the meantime."""
        if self.unit.future.done():
            return
        if self.error is not None:
            self.unit.future.set_exception(self.error)
        else:
            self.unit.future.set_result(self.value)


class SqliteDatabase:
    """A database in one file. Made by `open`."""

    dialect: Final = "sqlite"

    def __init__(self, path: Path) -> None:
        self._loop = asyncio.get_running_loop()
        self._writing = _engine(path, "rwc")
        self._reading = _engine(path, "ro")
        self._units: queue.SimpleQueue[Unit | None] = queue.SimpleQueue()
        self._scans = ThreadPoolExecutor(SCAN_THREADS, thread_name_prefix="database-scan")
        self._crawls = ThreadPoolExecutor(CRAWL_THREADS, thread_name_prefix="database-crawl")
        self._writer = threading.Thread(target=self._write_groups, name="database-writer", daemon=True)
        self._closed = False
        self._read_connection: sa.Connection | None = None

    @classmethod
    async def open(cls, path: Path, *, migrate: bool = True) -> Self:
        """Open or make the file at `path` (its folder too) and bring its schema up to date, or only look whether it is.

        Raises:
            SchemaTooNew: a newer program has changed the schema.
            SchemaTooOld: the schema is not up to date, and not to be changed.
        """
        database = cls(path)
        try:
            await asyncio.to_thread(_prepare, path, database._writing, schema.upgrade if migrate else schema.require)
        except BaseException:
            database._dispose()
            raise
        database._read_connection = database._reading.connect()
        database._writer.start()
        return database

    @property
    def pool(self) -> Pool:
        """Return the connections that read. The one of the event loop is free whenever anybody can ask."""
        taken = self._reading.pool.checkedout() - (self._read_connection is not None)  # type: ignore[attr-defined]
        return Pool(SCAN_THREADS + 1, SCAN_THREADS + 1 - taken)

    async def read(self, query: Callable[[sa.Connection], T]) -> T:
        """Run a short `query` on the event loop. It sees everything committed."""
        connection = self._read_connection
        if connection is None:
            raise DatabaseClosed
        return _snapshot(connection, query)

    async def scan(self, query: Callable[[sa.Connection], T]) -> T:
        """Run a long `query` in a thread. It sees one state of the database throughout."""
        return await self._in_thread(self._scans, query)

    async def crawl(self, query: Callable[[sa.Connection], T]) -> T:
        """Run a `query` that may take minutes, in a thread that no scan waits for."""
        return await self._in_thread(self._crawls, query)

    async def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Run `work` in the next group and return what it returns, after the commit is on disk."""
        first = FIRST_CHANGE.get()
        if first is not None and first.wanted:
            return await first.write(work, self._write, _changes)
        return await self._write(work)

    async def _write(self, work: Callable[[sa.Connection], T]) -> T:
        if self._closed:
            raise DatabaseClosed
        future: asyncio.Future[T] = self._loop.create_future()
        self._units.put(Unit(work, contextvars.copy_context(), future))
        return await observed(future)

    async def close(self) -> None:
        """Finish the units of work that wait, then close the file."""
        if self._closed:
            return
        self._closed = True
        self._units.put(None)
        await asyncio.to_thread(self._writer.join)
        await asyncio.to_thread(self._scans.shutdown)
        await asyncio.to_thread(self._crawls.shutdown)
        self._dispose()

    def _dispose(self) -> None:
        if self._read_connection is not None:
            self._read_connection.close()
            self._read_connection = None
        self._reading.dispose()
        self._writing.dispose()

    async def _in_thread(self, threads: ThreadPoolExecutor, query: Callable[[sa.Connection], T]) -> T:
        if self._closed:
            raise DatabaseClosed
        return await self._loop.run_in_executor(threads, contextvars.copy_context().run, self._scan, query)

    def _scan(self, query: Callable[[sa.Connection], T]) -> T:
        with self._reading.connect() as connection:
            return _snapshot(connection, query)

    def _write_groups(self) -> None:
        with self._writing.connect() as connection:
            while (unit := self._units.get()) is not None:
                outcomes = _write_group(connection, self._waiting(unit))
                self._tell(outcomes)
                self._loop.call_soon_threadsafe(_settle, outcomes)

    def _tell(self, outcomes: list[Outcome]) -> None:
        """Have the loop tell what was stored; one call each, so that a fault in one of them is its own."""
        for outcome in outcomes:
            for tell in outcome.tells if outcome.error is None else ():
                self._loop.call_soon_threadsafe(tell)

    def _waiting(self, first: Unit) -> Iterator[Unit]:
        """Yield `first` and the units behind it, until none waits or the group is full."""
        close_time = time.monotonic() + GROUP_SECONDS
        yield first
        while time.monotonic() < close_time:
            try:
                unit = self._units.get_nowait()
            except queue.Empty:
                return
            if unit is None:
                self._units.put(None)
                return
            yield unit


def _write_group(connection: sa.Connection, units: Iterator[Unit]) -> list[Outcome]:
    """Run `units` in one transaction. When that fails as a whole, each of them gets the error."""
    outcomes: list[Outcome] = []
    try:
        with connection.begin():
            for unit in units:
                outcome = Outcome(unit)
                outcomes.append(outcome)
                _run_unit(connection, outcome)
    except Exception as error:  # noqa: BLE001 - nothing of the group was stored, and each caller must hear why
        if not outcomes:
            outcomes = [Outcome(unit) for unit in units]
        for outcome in outcomes:
            outcome.error = outcome.error or _as_others_know_it(error)
    return outcomes


def _as_others_know_it(error: Exception) -> Exception:
    """Return an error of the driver as SQLAlchemy would have raised it: transactions begin and end behind its back."""
    if not isinstance(error, sqlite3.Error):
        return error
    wrapped = sa.exc.OperationalError("COMMIT", None, error)
    wrapped.__cause__ = error
    return wrapped


def _run_unit(connection: sa.Connection, outcome: Outcome) -> None:
    """Run one unit in a savepoint.

    Raises:
        sqlite3.Error: the database undid the whole transaction, for instance because the disk is full.
    """
    driver = _driver(connection)
    driver.execute("SAVEPOINT unit")
    outcome.tells = after_commit.begin(connection)
    try:
        outcome.value = outcome.unit.context.run(outcome.unit.work, connection)
    except Exception as error:  # noqa: BLE001 - whatever the work raises belongs to its caller
        outcome.error = error
        driver.execute("ROLLBACK TO unit")
    driver.execute("RELEASE unit")


def _settle(outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        outcome.settle()


def _snapshot(connection: sa.Connection, query: Callable[[sa.Connection], T]) -> T:
    """Run `query` in a transaction of the file, so that all its statements see one state, and the newest one."""
    driver = _driver(connection)
    driver.execute("BEGIN")
    try:
        return query(connection)
    finally:
        driver.execute("ROLLBACK")


def _prepare(path: Path, engine: sa.Engine, see_to_schema: Callable[[sa.Connection], None]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with engine.connect() as connection:
        _use_wal(_driver(connection))
        with connection.begin():
            see_to_schema(connection)


def _use_wal(driver: sqlite3.Connection) -> None:
    """Turn the file to WAL mode, which it then keeps.

    SQLite does not wait for a file that another process turns or closes at this moment, so we do.
    """
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            driver.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(BUSY_PAUSE_SECONDS)
        else:
            return


def _engine(path: Path, mode: str) -> sa.Engine:
    """Return an engine on the file at `path`; `mode` is "ro" or "rwc", as in the URIs of SQLite."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode={mode}",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,  # transactions begin where we say so, below
            check_same_thread=False,  # each connection is used by one thread at a time
            cached_statements=512,
        )
        if mode == "ro":
            connection.execute(f"PRAGMA mmap_size = {MAPPED_BYTES}")
        else:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
        return connection

    engine = sa.create_engine(
        "sqlite+pysqlite://", creator=connect, poolclass=sa.QueuePool, pool_size=CONNECTIONS, max_overflow=0
    )
    if mode == "rwc":
        sa.event.listen(engine, "begin", _begin_writing)
    return engine


def _begin_writing(connection: sa.Connection) -> None:
    _driver(connection).execute("BEGIN IMMEDIATE")


def _changes(connection: sa.Connection) -> int:
    return _driver(connection).total_changes


def _driver(connection: sa.Connection) -> sqlite3.Connection:
    """Return the driver's own connection: a savepoint through SQLAlchemy costs more than a small unit of work."""
    driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
    return driver
