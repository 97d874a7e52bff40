"""Rows that hold sums: adding to one, or making it, in one statement."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


def additions(table: sa.Table, summed: Iterable[str]) -> dict[str, Any]:
    """Return the statement that adds the columns `summed` to the row of `table` with that key, by dialect."""
    statements: dict[str, Any] = {}
    for name, insert in (("sqlite", sqlite.insert(table)), ("postgresql", postgresql.insert(table))):
        added = {column: table.c[column] + insert.excluded[column] for column in summed}
        statements[name] = insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=added)
    return statements
