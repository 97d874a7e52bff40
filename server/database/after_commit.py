"""What is told once a unit of work is on disk.

A unit of work changes nothing but the database: it may run more than once, and it may be undone. Whatever else has to
happen because of it waits here for the commit, even where the unit is put together by code that knows nothing of it.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

import sqlalchemy as sa

Tell: TypeAlias = Callable[[], None]

_KEY: Final = "after_commit"


def after_commit(connection: sa.Connection, tell: Tell) -> None:
    """Have `tell` called on the event loop once the present unit of work is committed, before its caller goes on.

    `tell` returns at once. What is undone is never told. With SQLite it is called even if the caller was cancelled
    meanwhile; with Postgres nobody knows then whether the unit was committed, and nothing is told.
    """
    waiting: list[Tell] = connection.info[_KEY]
    waiting.append(tell)


def begin(connection: sa.Connection) -> list[Tell]:
    """Return what `after_commit` fills from now on. For databases, each time they begin a unit of work."""
    waiting: list[Tell] = []
    connection.info[_KEY] = waiting
    return waiting
