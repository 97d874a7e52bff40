"""One row by key, read or written, for the paths that every request or every job takes.

SQLAlchemy's own execution costs several times what SQLite needs to find a row. So the statement is compiled once for
SQLite and given to the driver; any other database goes the usual way, where a round trip hides the difference.

What goes in and comes out is plain numbers, texts and bytes: nothing converts them on the way.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite


class _SqliteText:
    """A statement as the driver takes it."""

    def __init__(self, statement: sa.ClauseElement, columns: Sequence[str] | None = None) -> None:
        compiled: Any = statement.compile(dialect=sqlite.dialect(paramstyle="qmark"), column_keys=columns)
        self._sql: Final = str(compiled)
        self._constants: Final[Mapping[str, Any]] = dict(compiled.params)
        self._order: Final[Sequence[str]] = tuple(compiled.positiontup or ())

    def execute(self, connection: sa.Connection, parameters: Mapping[str, Any]) -> Any:
        """Execute it and return the cursor of the driver."""
        driver: Any = connection.connection.driver_connection
        values = {**self._constants, **parameters}
        return driver.execute(self._sql, [values[name] for name in self._order])


class PointRead:
    """A query for at most one row, whose columns are plain numbers, texts and bytes."""

    def __init__(self, statement: sa.Select[Any]) -> None:
        """Compile `statement`; what it is given at each call are its bind parameters."""
        self._statement: Final = statement
        self._sqlite: Final = _SqliteText(statement)

    def first(self, connection: sa.Connection, **parameters: Any) -> Sequence[Any] | None:
        """Return the row, None when there is none."""
        if connection.dialect.name != "sqlite":
            return connection.execute(self._statement, parameters).first()
        row: Sequence[Any] | None = self._sqlite.execute(connection, parameters).fetchone()
        return row


class PointWrite:
    """An insertion, a change or the removal of one row."""

    def __init__(self, statement: sa.Insert | sa.Update | sa.Delete, *, columns: Sequence[str] | None = None) -> None:
        """Compile `statement`; what it is given at each call are its bind parameters, or `columns` of an insertion."""
        self._statement: Final = statement
        self._sqlite: Final = _SqliteText(statement, columns)

    def execute(self, connection: sa.Connection, parameters: Mapping[str, Any]) -> int:
        """Return how many rows were inserted, changed or removed."""
        if connection.dialect.name != "sqlite":
            return connection.execute(self._statement, parameters).rowcount
        count: int = self._sqlite.execute(connection, parameters).rowcount
        return count
