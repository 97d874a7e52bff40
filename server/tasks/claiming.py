"""Which Task a worker gets: the best one that waits, within the limits of its key. Part of the caller's transaction."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

import sqlalchemy as sa

from server.database.locks import lock
from server.database.point_read import PointRead
from server.tasks import lifecycle, store
from server.tasks.tables import DUE, LEASED, LIMITED_WAITING, TASKS, WAITING
from server.tasks.task import TaskRow

ClaimHook = Callable[[sa.Connection, TaskRow, int], None]
"""What a domain adds to a claim: called with the claimed row and the time."""

ClaimHooks = Mapping[str, ClaimHook]
"""Hooks by kind of Task."""

NO_CLAIM_HOOKS: Final[ClaimHooks] = {}

_RUNNING: Final = TASKS.alias("running")
_LIVE_LEASES: Final = (
    sa.select(sa.func.count())
    .select_from(_RUNNING)
    .where(sa.text(f"running.{LEASED.text}"), _RUNNING.c.concurrency_key == TASKS.c.concurrency_key)
    .scalar_subquery()
)
_BEST: Final = (
    sa.select(*TASKS.c)
    .where(
        WAITING,
        DUE,
        sa.or_(TASKS.c.concurrency_key == "", TASKS.c.concurrency_limit > _LIVE_LEASES),
    )
    .order_by(TASKS.c.priority, TASKS.c.number)
    .limit(1)
    .with_for_update(of=TASKS, skip_locked=True)
)
_NOT_FULL: Final = TASKS.c.concurrency_key.not_in(sa.bindparam("full_keys", expanding=True))
_LEASES_OF_KEY: Final = (
    sa.select(sa.func.count()).select_from(TASKS).where(LEASED, TASKS.c.concurrency_key == sa.bindparam("key"))
)


def claim(
    connection: sa.Connection,
    *,
    worker_id: str,
    worker_host: str,
    kinds: Iterable[str],
    lease_seconds: float,
    now: int,
    hooks: ClaimHooks,
    tenant: str | None = None,
    subject: str | None = None,
) -> TaskRow | None:
    """Lease the best waiting Task of `kinds`: lowest priority number first, then the oldest.

    With `tenant` only those of that tenant, with `subject` only those of that subject that have a concurrency key.

    Returns:
        The Task with its lease, None when nothing waits or every limit is reached.
    """
    full: list[str] = []
    wanted = tuple(kinds)
    only = {name: value for name, value in (("tenant", tenant), ("subject", subject)) if value is not None}
    while row := _best(connection, wanted, only, full, now=now):
        if _has_room(connection, row):
            claimed = lifecycle.claim(
                row, worker_id=worker_id, worker_host=worker_host, lease_seconds=lease_seconds, now=now
            )
            store.put(connection, row, claimed)
            if hook := hooks.get(claimed.kind):
                hook(connection, claimed, now)
            return claimed
        full.append(row.concurrency_key)
    return None


def _best(
    connection: sa.Connection, kinds: Sequence[str], only: Mapping[str, str], full_keys: Sequence[str], *, now: int
) -> TaskRow | None:
    """Return the best waiting Task of `kinds` with the values `only`, whose key is none of `full_keys`; locked."""
    if not kinds:
        return None
    given: dict[str, Any] = {f"kind_{number}": kind for number, kind in enumerate(kinds)} | {"now": now, **only}
    if full_keys:
        query = _best_of(len(kinds), tuple(only)).where(_NOT_FULL)
        found: Sequence[Any] | None = connection.execute(query, {**given, "full_keys": full_keys}).first()
    else:
        found = _point_best_of(len(kinds), tuple(only)).first(connection, **given)
    return None if found is None else TaskRow(*found)


@cache
def _best_of(kind_count: int, only: tuple[str, ...]) -> sa.Select[Any]:
    """Return the query for the best Task of so many kinds, "kind_0" and so on, with values of the columns `only`."""
    kinds = [sa.bindparam(f"kind_{number}", type_=sa.Text) for number in range(kind_count)]
    query = _BEST.where(TASKS.c.kind.in_(kinds), *(TASKS.c[name] == sa.bindparam(name) for name in only))
    # The condition of an index that begins with the subject.
    return query.where(LIMITED_WAITING) if "subject" in only else query


@cache
def _point_best_of(kind_count: int, only: tuple[str, ...]) -> PointRead:
    return PointRead(_best_of(kind_count, only))


def _has_room(connection: sa.Connection, row: TaskRow) -> bool:
    """Whether the limit of the row's key leaves room for one more lease, counted where no other claim can interfere."""
    if not row.concurrency_key:
        return True
    lock(connection, f"tasks.concurrency_key:{row.concurrency_key}")
    leases: int = connection.execute(_LEASES_OF_KEY, {"key": row.concurrency_key}).scalar_one()
    return leases < row.concurrency_limit
