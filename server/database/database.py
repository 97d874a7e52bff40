"""What the server asks of a database, and how one is opened.

Reads and writes are plain functions over a synchronous `sqlalchemy.Connection`, on both databases alike. They hold no
`await`, so a unit of work never waits for anything but its own statements.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from server.database.pool import Pool
from server.database.sqlite import SqliteDatabase

T = TypeVar("T")


class Database(Protocol):
    """Where all state is kept."""

    @property
    def dialect(self) -> str:
        """Return "sqlite" or "postgresql"."""

    @property
    def pool(self) -> Pool:
        """Return how many connections there may be, and how many of them are free."""

    async def read(self, query: Callable[[sa.Connection], T]) -> T:
        """Run a short `query` (a few rows by an index) and return what it returns. It sees everything committed."""

    async def scan(self, query: Callable[[sa.Connection], T]) -> T:
        """Run a long `query` away from the event loop. It sees one state of the database throughout."""

    async def crawl(self, query: Callable[[sa.Connection], T]) -> T:
        """Run a `query` that may take minutes, as a scan that no other scan waits for. Few of them run at once."""

    async def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Run `work` in a transaction and return what it returns, after the commit is on disk.

        If `work` raises, only its own changes are undone and the exception reaches the caller. It may run more than
        once when the database asks for a repetition, so it changes nothing but the database; what has to be told of
        it waits in `after_commit`. A cancelled caller does not stop a unit that waits already: it is then done or not
        done, never half.
        """

    async def close(self) -> None:
        """Finish the units of work that wait, then let go of the database. Later calls raise DatabaseClosed."""


class DatabaseUrlInvalid(ValueError):
    """The URL names no database that the server can use."""


async def open_database(url: str, *, migrate: bool = True) -> Database:
    """Open the database at `url`, bring its schema up to date and return it.

    Args:
        url: "sqlite:////absolute/path.db", "postgresql://..." or "postgres://...". Several servers may open the same
            Postgres database at once.
        migrate: False leaves the schema as it is.

    Raises:
        DatabaseUrlInvalid: `url` is of another form.
        SchemaTooNew: a newer program has changed the schema.
        SchemaTooOld: the schema is not up to date, and not to be changed.
    """
    try:
        parsed = make_url(url)
    except sa.exc.ArgumentError as error:
        raise DatabaseUrlInvalid("the database URL cannot be read") from error
    match parsed.drivername:
        case "sqlite" | "sqlite+pysqlite" if parsed.database and Path(parsed.database).is_absolute():
            return await SqliteDatabase.open(Path(parsed.database), migrate=migrate)
        case "postgresql" | "postgres" | "postgresql+asyncpg":
            # Its part of SQLAlchemy is a tenth of what a start with SQLite would load.
            from server.database.postgres import PostgresDatabase

            return await PostgresDatabase.open(parsed, migrate=migrate)
    raise DatabaseUrlInvalid(
        "the database URL must begin with sqlite:/// and an absolute path of a file, or with postgresql://"
    )
