"""What waits for a commit is told once, after it, and only then."""

import asyncio
from functools import partial

import pytest
import sqlalchemy as sa

from server.database.after_commit import after_commit
from server.database.database import Database

NOTES = sa.Table("notes", sa.MetaData(), sa.Column("name", sa.Text, primary_key=True), sa.Column("value", sa.Integer))


@pytest.fixture(autouse=True)
async def notes(database: Database) -> None:
    await database.write(lambda connection: NOTES.create(connection))


@pytest.fixture
def told() -> list[str]:
    return []


def note(connection: sa.Connection, told: list[str], name: str) -> None:
    """Store a note, and tell its name after the commit."""
    after_commit(connection, partial(told.append, name))
    connection.execute(sa.insert(NOTES).values(name=name, value=0))


async def test_what_is_told_is_told_once(database: Database, told: list[str]) -> None:
    await asyncio.gather(*(database.write(partial(note, told=told, name=name)) for name in "ab"))

    assert sorted(told) == ["a", "b"]


async def test_nothing_is_told_before_the_commit(database: Database, told: list[str]) -> None:
    def work(connection: sa.Connection) -> list[str]:
        note(connection, told, "a")
        return list(told)

    assert await database.write(work) == []


async def test_a_unit_that_is_undone_tells_nothing(database: Database, told: list[str]) -> None:
    await database.write(partial(note, told=told, name="a"))

    refused, stored = await asyncio.gather(
        database.write(partial(note, told=told, name="a")),
        database.write(partial(note, told=told, name="b")),
        return_exceptions=True,
    )

    assert isinstance(refused, sa.exc.IntegrityError)
    assert stored is None
    assert told == ["a", "b"]


async def test_a_unit_that_is_repeated_tells_once(database: Database, told: list[str]) -> None:
    for name in "ab":
        await database.write(partial(note, told=told, name=name))
    told.clear()

    def add(connection: sa.Connection, order: str) -> None:
        after_commit(connection, partial(told.append, order))
        for name in order:
            # Long enough for both to hold their first row, where they run side by side; one of them is repeated then.
            if connection.dialect.name == "postgresql":
                connection.execute(sa.text("SELECT pg_sleep(0.1)"))
            connection.execute(sa.update(NOTES).where(NOTES.c.name == name).values(value=NOTES.c.value + 1))

    await asyncio.gather(*(database.write(partial(add, order=order)) for order in ("ab", "ba")))

    assert sorted(told) == ["ab", "ba"]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_a_unit_whose_caller_has_gone_is_told_all_the_same(database: Database, told: list[str]) -> None:
    writing = asyncio.create_task(database.write(partial(note, told=told, name="a")))
    await asyncio.sleep(0)
    writing.cancel()
    await asyncio.wait([writing])
    await database.write(partial(note, told=told, name="b"))

    assert told == ["a", "b"]


async def test_a_fault_in_what_is_told_harms_nobody(database: Database, told: list[str]) -> None:
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault["exception"]))

    def work(connection: sa.Connection) -> str:
        after_commit(connection, partial(told.remove, "missing"))
        note(connection, told, "a")
        return "stored"

    answer = await database.write(work)

    assert (answer, told) == ("stored", ["a"])
    assert [type(fault) for fault in faults] == [ValueError]
