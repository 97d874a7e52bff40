"""What is stored beside the first change that is made on somebody's behalf, in the same unit of work.

Whoever acts for somebody sets `FIRST_CHANGE` for the time of it; databases look there whenever they are to write. So
an entry about a change is on disk exactly if the change is, and no store has to know of it.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, TypeVar

import sqlalchemy as sa

T = TypeVar("T")

Work = Callable[[sa.Connection], T]


class FirstChange:
    """Calls `insert` at the end of the first unit of work that changes a row."""

    def __init__(self, insert: Callable[[sa.Connection], None]) -> None:
        self._insert = insert
        self.wanted = True

    def give_up(self) -> None:
        """Want nothing any more: what is written from now on is done on nobody's behalf."""
        self.wanted = False

    async def write(
        self, work: Work[T], store: Callable[[Work[T]], Awaitable[T]], changes: Callable[[sa.Connection], int]
    ) -> T:
        """Have `store` run `work` and return what it returns. `changes` counts the rows a connection has changed."""
        inserted = False

        def unit(connection: sa.Connection) -> T:
            nonlocal inserted
            before = changes(connection)
            value = work(connection)
            inserted = changes(connection) != before
            if inserted:
                self._insert(connection)
            return value

        value = await store(unit)
        if inserted:
            self.wanted = False
        return value


FIRST_CHANGE: Final[ContextVar[FirstChange | None]] = ContextVar("first_change", default=None)


@contextmanager
def nobodys() -> Iterator[None]:
    """Within this, changes are made on nobody's behalf, such as the count of somebody's wrong passwords."""
    token = FIRST_CHANGE.set(None)
    try:
        yield
    finally:
        FIRST_CHANGE.reset(token)
