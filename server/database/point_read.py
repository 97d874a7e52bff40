"""One row by key, for the paths that every request takes.

SQLAlchemy's own execution costs several times what SQLite needs to find a row. So the statement is compiled once for
SQLite and given to the driver; any other database goes the usual way, where a round trip hides the difference.
"""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite


class PointRead:
    """A query for at most one row, whose columns are plain numbers, texts and bytes."""

    def __init__(self, statement: sa.Select[Any]) -> None:
        """Compile `statement`; what it is given at each call are its bind parameters."""
        compiled = statement.compile(dialect=sqlite.dialect(paramstyle="qmark"))
        self._statement: Final = statement
        self._sql: Final = str(compiled)
        self._constants: Final = dict(compiled.params)
        self._order: Final = tuple(compiled.positiontup or ())

    def first(self, connection: sa.Connection, **parameters: Any) -> Sequence[Any] | None:
        """Return the row, None when there is none."""
        if connection.dialect.name != "sqlite":
            return connection.execute(self._statement, parameters).first()
        values = self._constants | parameters
        driver: Any = connection.connection.driver_connection
        row: Sequence[Any] | None = driver.execute(self._sql, [values[name] for name in self._order]).fetchone()
        return row
