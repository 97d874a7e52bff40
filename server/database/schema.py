"""Brings the schema of a database up to date when it is opened, or sees to it that it is."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import sqlalchemy as sa

MIGRATIONS: Final = Path(__file__).parent / "migrations"

# The name of a revision is what the name of its file begins with.
NEWEST: Final = max(path.name for path in (MIGRATIONS / "versions").glob("[0-9]*.py")).partition("_")[0]

_FOUND: Final = sa.text("SELECT version_num FROM alembic_version")


class SchemaTooOld(RuntimeError):
    """The database lacks changes that this program needs, and it was told not to make them."""

    def __init__(self, found: str) -> None:
        super().__init__(
            f"the database has schema {found or 'none'}, this program needs {NEWEST}: run `switchyard migrate`"
        )


class SchemaTooNew(RuntimeError):
    """The database was changed by a newer program; this one must not touch it."""

    def __init__(self, found: str, newest: str) -> None:
        super().__init__(
            f"the database has schema {found}, this program knows none after {newest}: "
            "start the newer program, or use another database"
        )


def upgrade(connection: sa.Connection) -> None:
    """Run every revision that `connection`, in a transaction of its own, does not have yet.

    Raises:
        SchemaTooNew: the database has a revision that is not among ours.
    """
    if _is_newest(connection):
        return
    # Here, because it loads alembic: that takes longer than all else at the start, and is seldom needed.
    from server.database import revisions

    revisions.run(connection)


def require(connection: sa.Connection) -> None:
    """Change nothing.

    Raises:
        SchemaTooNew: the database has a revision that is not among ours.
        SchemaTooOld: it has not all of ours.
    """
    found = ", ".join(_found(connection))
    # The names of revisions are numbers of one length.
    if found > NEWEST:
        raise SchemaTooNew(found, NEWEST)
    if found != NEWEST:
        raise SchemaTooOld(found)


def _is_newest(connection: sa.Connection) -> bool:
    return _found(connection) == [NEWEST]


def _found(connection: sa.Connection) -> Sequence[str]:
    there = sa.inspect(connection).has_table("alembic_version")
    return connection.execute(_FOUND).scalars().all() if there else []
