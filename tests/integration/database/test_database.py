"""What a database promises, on SQLite and on Postgres."""

import asyncio
import threading
from collections.abc import Callable
from functools import partial

import pytest
import sqlalchemy as sa

from server.database.closed import DatabaseClosed
from server.database.database import Database, open_database
from server.database.locks import lock

NOTES = sa.Table("notes", sa.MetaData(), sa.Column("name", sa.Text, primary_key=True), sa.Column("value", sa.Integer))


@pytest.fixture(autouse=True)
async def notes(database: Database) -> None:
    await database.write(lambda connection: NOTES.create(connection))


def note(connection: sa.Connection, name: str, value: int = 0) -> None:
    connection.execute(sa.insert(NOTES).values(name=name, value=value))


def noting(name: str) -> Callable[[sa.Connection], None]:
    """Return work that stores a note of that name."""
    return partial(note, name=name)


def names(connection: sa.Connection) -> list[str]:
    return list(connection.execute(sa.select(NOTES.c.name).order_by(NOTES.c.name)).scalars())


async def test_a_write_is_seen_by_the_next_read_and_scan(database: Database) -> None:
    await database.write(noting("a"))

    assert await database.read(names) == ["a"]
    assert await database.scan(names) == ["a"]


async def test_a_write_returns_what_the_work_returns(database: Database) -> None:
    assert await database.write(lambda _: 42) == 42


async def test_a_unit_that_raises_undoes_only_its_own_changes(database: Database) -> None:
    def fail(connection: sa.Connection) -> None:
        note(connection, "lost")
        raise KeyError("mine")

    kept, raised, also_kept = await asyncio.gather(
        database.write(noting("kept")),
        database.write(fail),
        database.write(noting("kept too")),
        return_exceptions=True,
    )

    assert (kept, also_kept) == (None, None)
    assert isinstance(raised, KeyError)
    assert await database.read(names) == ["kept", "kept too"]


async def test_a_statement_the_database_refuses_harms_no_other_unit(database: Database) -> None:
    await database.write(noting("a"))

    refused, stored = await asyncio.gather(
        database.write(noting("a")),
        database.write(noting("b")),
        return_exceptions=True,
    )

    assert isinstance(refused, sa.exc.IntegrityError)
    assert stored is None
    assert await database.read(names) == ["a", "b"]


async def test_many_writes_at_once_are_all_stored(database: Database) -> None:
    await asyncio.gather(*(database.write(noting(f"{n:03}")) for n in range(200)))

    assert await database.read(names) == [f"{n:03}" for n in range(200)]


async def test_a_cancelled_caller_leaves_a_whole_unit_or_none(database: Database) -> None:
    def both(connection: sa.Connection) -> None:
        note(connection, "one")
        note(connection, "two")

    writing = asyncio.create_task(database.write(both))
    await asyncio.sleep(0)
    writing.cancel()
    await asyncio.wait([writing])
    await database.write(noting("zero"))

    assert await database.read(names) in (["zero"], ["one", "two", "zero"])


async def test_units_that_hold_the_same_name_follow_one_another(database: Database) -> None:
    await database.write(noting("count"))

    def add(connection: sa.Connection) -> None:
        lock(connection, "count")
        value = connection.execute(sa.select(NOTES.c.value)).scalar_one()
        connection.execute(sa.update(NOTES).values(value=value + 1))

    await asyncio.gather(*(database.write(add) for _ in range(50)))

    assert await database.read(lambda connection: connection.execute(sa.select(NOTES.c.value)).scalar_one()) == 50


async def test_units_that_deadlock_are_repeated_until_both_are_done(database: Database) -> None:
    for name in ("a", "b"):
        await database.write(noting(name))

    def add(connection: sa.Connection, order: str) -> None:
        for name in order:
            # Long enough for both to hold their first row, where they run side by side.
            if connection.dialect.name == "postgresql":
                connection.execute(sa.text("SELECT pg_sleep(0.1)"))
            connection.execute(sa.update(NOTES).where(NOTES.c.name == name).values(value=NOTES.c.value + 1))

    await asyncio.gather(
        database.write(lambda connection: add(connection, "ab")),
        database.write(lambda connection: add(connection, "ba")),
    )

    values = await database.read(lambda connection: connection.execute(sa.select(NOTES.c.value)).scalars().all())
    assert list(values) == [2, 2]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_no_read_scan_or_write_waits_for_crawls(database: Database) -> None:
    end = threading.Event()
    crawls = [asyncio.create_task(database.crawl(lambda _: end.wait(30))) for _ in range(8)]

    async with asyncio.timeout(10):
        await database.write(noting("a"))
        scanned = await asyncio.gather(*(database.scan(names) for _ in range(8)))
        read = await database.read(names)
    waiting = [crawl.done() for crawl in crawls]
    end.set()

    assert (scanned, read) == ([["a"]] * 8, ["a"])
    assert waiting == [False] * 8
    assert await asyncio.gather(*crawls) == [True] * 8


async def test_a_crawl_sees_what_was_written(database: Database) -> None:
    await database.write(noting("a"))

    assert await database.crawl(names) == ["a"]


async def test_closing_finishes_the_writes_that_wait(url: str, database: Database) -> None:
    other = await open_database(url)
    writing = [asyncio.create_task(other.write(noting(str(n)))) for n in range(5)]
    await asyncio.sleep(0)
    if other.dialect == "postgresql":
        await asyncio.wait(writing)
    await other.close()
    await asyncio.gather(*writing)

    assert len(await database.read(names)) == 5


async def test_a_closed_database_does_nothing_more(url: str) -> None:
    closed = await open_database(url)
    await closed.write(noting("earlier"))

    await closed.close()

    for late in (closed.read(names), closed.scan(names), closed.crawl(names), closed.write(noting("late"))):
        with pytest.raises(DatabaseClosed):
            await late


# As when the disk is full: the database undoes more than the unit.
async def test_a_transaction_that_is_undone_as_a_whole_fails_with_an_error_of_sqlalchemy(database: Database) -> None:
    def undo_everything(connection: sa.Connection) -> None:
        connection.exec_driver_sql("ROLLBACK")

    if database.dialect == "sqlite":
        with pytest.raises(sa.exc.DBAPIError):
            await database.write(undo_everything)

    await database.write(noting("later"))
    assert await database.read(names) == ["later"]
