"""A database in Postgres: saved and put back by Postgres' own programs, pg_dump and pg_restore."""

import asyncio
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import asyncpg
from sqlalchemy.engine import URL, make_url

from server.backup.manifest import BackupInvalid

ENTRY: Final = "database/switchyard.pgdump"
_TABLES: Final = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
_OTHERS: Final = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
# Variables of libpq, source: https://www.postgresql.org/docs/current/libpq-envars.html
_VARIABLES: Final = {"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "host": "PGHOST", "port": "PGPORT"}


class PostgresFailed(Exception):
    """The server or one of its programs refused; the message is what it said."""


class ProgramFailed(PostgresFailed):
    """One of its programs ended with an error; the message is the beginning of what it said."""


def save(database_url: str, copy: Path) -> tuple[str, dict[str, int]]:
    """Write what is committed now to the new file `copy`; return its schema and how many rows each table has.

    Raises:
        PostgresFailed: pg_dump is not there, or not able to.
    """
    return asyncio.run(_save(make_url(database_url), copy))


async def _save(url: URL, copy: Path) -> tuple[str, dict[str, int]]:
    connection = await _connect(url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            # The same state of the database for what is counted here and for what pg_dump reads.
            snapshot = await connection.fetchval("SELECT pg_export_snapshot()")
            schema = await connection.fetchval("SELECT max(version_num) FROM alembic_version")
            rows = {
                name: await connection.fetchval(f'SELECT count(*) FROM "{name}"')  # noqa: S608 -- a name of ours
                for [name] in await connection.fetch(_TABLES)
            }
            command = ["pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}"]
            await asyncio.to_thread(_run, [*command, f"--file={copy}"], url)
    finally:
        await connection.close()
    return schema, rows


def check(copy: Path) -> None:
    """See whether pg_restore can read the copy.

    Raises:
        BackupInvalid: it cannot.
        PostgresFailed: there is no pg_restore.
    """
    try:
        _run(["pg_restore", "--list", str(copy)], None)
    except ProgramFailed as error:
        raise BackupInvalid(f"its database cannot be read: {error}") from error


def is_empty(database_url: str) -> bool:
    """Whether the database holds no table.

    Raises:
        PostgresFailed: somebody is connected to it, a server perhaps, or it cannot be reached.
    """
    return asyncio.run(_is_empty(make_url(database_url)))


async def _is_empty(url: URL) -> bool:
    connection = await _connect(url)
    try:
        if await connection.fetchval(_OTHERS):
            raise PostgresFailed("others are connected to the database; stop every server first")
        return not await connection.fetch(_TABLES)
    finally:
        await connection.close()


def put_in_place(copy: Path, database_url: str) -> None:
    """Make the database what `copy` holds, in one transaction.

    Raises:
        PostgresFailed: it was refused; then nothing has changed.
    """
    url = make_url(database_url)
    command = ["pg_restore", "--clean", "--if-exists", "--no-owner", "--no-privileges", "--single-transaction"]
    _run([*command, f"--dbname={url.database}", str(copy)], url)


def _run(command: list[str], url: URL | None) -> None:
    environment = {**os.environ, **({} if url is None else _variables(url))}
    try:
        subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise PostgresFailed(f"{command[0]} is not installed; it comes with the client programs of Postgres") from error
    except subprocess.CalledProcessError as error:
        said = (error.stderr.strip() or str(error)).splitlines()
        raise ProgramFailed(" ".join(said[:3])) from error


def _variables(url: URL) -> Mapping[str, str]:
    """Return the place and the credentials as the programs read them; on a command line others could see them."""
    given: dict[str, Any] = {
        "PGHOST": url.host,
        "PGPORT": url.port,
        "PGUSER": url.username,
        "PGPASSWORD": url.password,
        "PGDATABASE": url.database,
    }
    asked = {_VARIABLES[name]: value for name, value in url.query.items() if name in _VARIABLES}
    return {name: str(value) for name, value in {**given, **asked}.items() if value is not None}


async def _connect(url: URL) -> "asyncpg.Connection[Any]":
    try:
        return await asyncpg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))
    except (OSError, asyncpg.PostgresError) as error:
        raise PostgresFailed(f"the database cannot be reached: {error}") from error
