"""Revisions and declared tables describe the same schema, and only a known schema is touched."""

import asyncio
import importlib
import warnings
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

import server
from server.database.database import Database, open_database
from server.database.metadata import METADATA
from server.database.schema import MIGRATIONS, NEWEST, SchemaTooNew


def import_all_tables() -> None:
    root = Path(server.__file__).parent
    for path in sorted(root.glob("*/tables.py")):
        importlib.import_module(f"server.{path.parent.name}.tables")


def differences(connection: sa.Connection) -> list[object]:
    opts = {"compare_type": True, "include_name": is_declared}
    context = MigrationContext.configure(connection, opts=opts)
    with warnings.catch_warnings():
        # The dialect cannot read back which index is on an expression; ours have none that differ.
        warnings.simplefilter("ignore", sa.exc.SAWarning)
        return list(compare_metadata(context, METADATA))


def is_declared(name: str | None, kind: str, _parents: object) -> bool:
    # An index that keeps tables of its own in SQLite, and is one in Postgres.
    return kind != "table" or not str(name).startswith("session_search")


async def test_the_revisions_make_what_the_tables_declare(database: Database) -> None:
    import_all_tables()

    assert await database.scan(differences) == []


def test_the_newest_revision_is_that_of_the_last_file() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == NEWEST


async def test_several_servers_may_open_an_empty_database_at_once(url: str) -> None:
    opened = await asyncio.gather(*(open_database(url) for _ in range(4)))

    tables = await opened[0].scan(lambda connection: sa.inspect(connection).get_table_names())
    for database in opened:
        await database.close()
    assert "tasks" in tables


async def test_a_schema_of_a_newer_program_is_refused(url: str) -> None:
    database = await open_database(url)
    await database.write(
        lambda connection: connection.execute(sa.text("UPDATE alembic_version SET version_num='9999'"))
    )
    await database.close()

    with pytest.raises(SchemaTooNew, match="schema 9999"):
        await open_database(url)
