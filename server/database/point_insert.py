"""One row stored, for the paths that every request takes.

As with `PointRead`, the statement is compiled once for SQLite and given to the driver; SQLAlchemy's own execution costs
several times what SQLite needs. Any other database goes the usual way.
"""

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite


class PointInsert:
    """Stores rows of one table whose columns are plain numbers, texts and bytes.

    `number` is the column that the database numbers rows by; None for a table without one.
    """

    def __init__(self, table: sa.Table, *, number: sa.Column[int] | None = None) -> None:
        given = [column.name for column in table.c if column is not number]
        statement = sa.insert(table).values({name: sa.bindparam(name) for name in given})
        compiled = statement.compile(dialect=sqlite.dialect(paramstyle="qmark"))
        self._statement: Final = statement if number is None else statement.returning(number)
        self._numbered: Final = number is not None
        self._sql: Final = str(compiled)
        self._order: Final = tuple(compiled.positiontup or ())

    def execute(self, connection: sa.Connection, values: Mapping[str, Any]) -> int:
        """Store a row with a value for each column and return its number; 0 in a table without numbers."""
        if connection.dialect.name != "sqlite":
            stored = connection.execute(self._statement, dict(values))
            return int(stored.scalar_one()) if self._numbered else 0
        driver: Any = connection.connection.driver_connection
        cursor = driver.execute(self._sql, [values[name] for name in self._order])
        return int(cursor.lastrowid) if self._numbered else 0
