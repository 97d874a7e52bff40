"""A database that is a file: copied in one read transaction, while others write, and put in place whole."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from server.backup.manifest import BackupInvalid, Manifest

ENTRY: Final = "database/switchyard.db"
# Tables of ours: not those that a full-text index keeps, nor SQLite's own.
_TABLES: Final = """
SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name
"""


def save(database: Path, copy: Path) -> tuple[str, dict[str, int]]:
    """Write what is committed now to the new file `copy`; return its schema and how many rows each table has.

    Raises:
        sqlite3.Error: it cannot be read, or there is no room for the copy.
    """
    with _opened(database, "ro") as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))
    with _opened(copy, "ro") as connection:
        return _schema(connection), _rows(connection)


def check(copy: Path, manifest: Manifest) -> None:
    """Compare a copy with what the manifest says of it.

    Raises:
        BackupInvalid: it is not sound, or not that copy.
    """
    try:
        with _opened(copy, "ro") as connection:
            [found] = connection.execute("PRAGMA integrity_check(1)").fetchone()
            schema, rows = _schema(connection), _rows(connection)
    except sqlite3.Error as error:
        raise BackupInvalid(f"its database cannot be read: {error}") from error
    if found != "ok":
        raise BackupInvalid(f"its database is damaged: {found}")
    if (schema, rows) != (manifest.schema, dict(manifest.rows)):
        raise BackupInvalid("its database does not hold the rows that its manifest counts")


def missing_artifacts(copy: Path, has: set[str]) -> list[str]:
    """Return the artifacts of Tasks, "task/name", whose file is not among the entries `has`."""
    with _opened(copy, "ro") as connection:
        rows = connection.execute("SELECT task_id, file, name FROM artifacts").fetchall()
    return [f"{task}/{name}" for task, file, name in rows if f"data/artifacts/{task}/{file}" not in has]


def put_in_place(copy: Path, database: Path) -> None:
    """Make `copy` the database. One that is there gives way, with what it had not written to its file yet."""
    for suffix in ("-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    shutil.move(copy, database)


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode={mode}", uri=True, timeout=60)) as connection:
        yield connection


def _schema(connection: sqlite3.Connection) -> str:
    [found] = connection.execute("SELECT max(version_num) FROM alembic_version").fetchone()
    return str(found or "")


def _rows(connection: sqlite3.Connection) -> dict[str, int]:
    tables = [name for [name] in connection.execute(_TABLES).fetchall()]
    return {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}  # noqa: S608
