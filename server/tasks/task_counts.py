"""How many Tasks there are, as the triggers of the database have counted them: functions over a connection."""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from server.tasks.tables import TASK_COUNTS, TASK_DAYS


def by_state(connection: sa.Connection, kinds: Sequence[str], *, tenant: str | None = None) -> dict[int, int]:
    """Return how many Tasks of `kinds` there are by state, of one tenant if given; 0 may be missing."""
    query = _of_tenant(_BY_STATE, TASK_COUNTS, tenant)
    return {state: int(count) for state, count in connection.execute(query, _given(kinds, tenant))}


def created_on(connection: sa.Connection, kinds: Sequence[str], day: int, *, tenant: str | None = None) -> int:
    """Return how many Tasks of `kinds` were created on a day, counted from 1970-01-01, UTC; of one tenant if given."""
    query = _of_tenant(_CREATED_ON, TASK_DAYS, tenant)
    return int(connection.execute(query, {**_given(kinds, tenant), "day": day}).scalar_one())


def _given(kinds: Sequence[str], tenant: str | None) -> dict[str, Any]:
    return {"kinds": list(kinds)} | ({} if tenant is None else {"tenant": tenant})


def _of_tenant(query: sa.Select[Any], table: sa.Table, tenant: str | None) -> sa.Select[Any]:
    return query if tenant is None else query.where(table.c.tenant == sa.bindparam("tenant"))


_BY_STATE: Final = (
    sa.select(TASK_COUNTS.c.state, sa.func.sum(TASK_COUNTS.c.tasks))
    .where(TASK_COUNTS.c.kind.in_(sa.bindparam("kinds", expanding=True)))
    .group_by(TASK_COUNTS.c.state)
)
_CREATED_ON: Final = sa.select(sa.func.coalesce(sa.func.sum(TASK_DAYS.c.tasks), 0)).where(
    TASK_DAYS.c.kind.in_(sa.bindparam("kinds", expanding=True)), TASK_DAYS.c.day == sa.bindparam("day")
)
