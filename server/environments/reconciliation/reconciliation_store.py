"""How comparisons went, and what is at work: functions over a connection, each part of its caller's transaction."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from server.database.locks import lock
from server.environments.new_task import COMPARE_KIND, PROVISION_KIND, environment_subject
from server.environments.reconciliation.judging import Work
from server.environments.tables import (
    ENVIRONMENT_COMPARISONS,
    ENVIRONMENT_ORPHANS,
    ENVIRONMENTS,
    FOUND_ENVIRONMENTS,
)
from server.tasks.tables import LEASED, TASKS, WAITING
from server.tasks.task import TaskRow
from switchyard.tasks.v1.task_pb2 import Task


class ComparisonRow(NamedTuple):
    """One row of the table `environment_comparisons`, in the order of its columns. `error` is empty where none is."""

    provider: str
    compare_time: int | None
    found: int
    corrected: int
    shown: int
    orphans: int
    error: str


def work_by_subject(connection: sa.Connection) -> dict[str, list[Work]]:
    """Return the operations of all environments that have not ended, by the subjects of their Tasks."""
    return _work(connection.execute(_WORK, {"kind": PROVISION_KIND}))


def work_of(connection: sa.Connection, subjects: Sequence[str]) -> dict[str, list[Work]]:
    """Return the operations of some environments that have not ended, by the subjects of their Tasks."""
    return _work(connection.execute(_WORK_OF, {"kind": PROVISION_KIND, "subjects": subjects}))


def touched_since(connection: sa.Connection, environment_ids: Collection[str], began: int) -> set[str]:
    """Return those of `environment_ids` on which an operation is at work, or was after `began`."""
    ids = {environment_subject(environment_id): environment_id for environment_id in environment_ids}
    given = {"kind": PROVISION_KIND, "subjects": list(ids), "began": began}
    return {ids[subject] for subject in connection.execute(_TOUCHED, given).scalars()} if ids else set()


def concerns(connection: sa.Connection, *, provider: str) -> bool:
    """Return whether there is an environment at a provider, or an orphan."""
    return bool(connection.execute(_CONCERNS, {"of_provider": provider}).scalar_one())


def mark_compared(connection: sa.Connection, provider: str, task_id: str, compare_time: int) -> None:
    """Note for all environments that the provider reported when it did."""
    connection.execute(_MARK, {"of_provider": provider, "of_task": task_id, "at": compare_time})


def lock_comparison(connection: sa.Connection, provider: str) -> None:
    """Keep other units of work that store how a comparison at a provider went waiting until this one ends."""
    lock(connection, f"environments.comparison:{provider}")


def comparison(connection: sa.Connection, provider: str) -> ComparisonRow:
    """Return how the last comparison at a provider went; of one that there was none of, that."""
    row = connection.execute(_COMPARISON, {"of_provider": provider}).first()
    return ComparisonRow(provider, None, 0, 0, 0, 0, "") if row is None else ComparisonRow._make(row)


def set_comparison(connection: sa.Connection, row: ComparisonRow) -> None:
    """Store how the last comparison at a provider went; the caller holds the lock of `lock_comparison`."""
    connection.execute(_FORGET, {"of_provider": row.provider})
    connection.execute(sa.insert(ENVIRONMENT_COMPARISONS), row._asdict())


def newest_success(connection: sa.Connection, subject: str) -> TaskRow | None:
    """Return the comparison that succeeded last, of the Tasks of `subject`."""
    row = connection.execute(_NEWEST_SUCCESS, {"subject": subject, "kind": COMPARE_KIND}).first()
    return None if row is None else TaskRow(*row)


def _work(rows: Iterable[Any]) -> dict[str, list[Work]]:
    found: dict[str, list[Work]] = {}
    for subject, *facts in rows:
        found.setdefault(subject, []).append(Work(*facts))
    return found


_PROVISIONS: Final = TASKS.c.kind == sa.bindparam("kind")
_WORK: Final[sa.Select[Any]] = sa.select(
    TASKS.c.subject, TASKS.c.state, TASKS.c.start_time, TASKS.c.attempt_timeout_seconds
).where(_PROVISIONS, sa.or_(WAITING, LEASED))
_AMONG: Final = TASKS.c.subject.in_(sa.bindparam("subjects", expanding=True))
_WORK_OF: Final = _WORK.where(_AMONG)
_TOUCHED: Final = sa.select(TASKS.c.subject).where(
    _PROVISIONS,
    _AMONG,
    sa.or_(TASKS.c.end_time.is_(None), TASKS.c.end_time >= sa.bindparam("began")),
)
_FOUND_BY: Final = sa.select(FOUND_ENVIRONMENTS.c.environment_id).where(
    FOUND_ENVIRONMENTS.c.task_id == sa.bindparam("of_task")
)
_MARK: Final = (
    sa.update(ENVIRONMENTS)
    .where(ENVIRONMENTS.c.provider == sa.bindparam("of_provider"), ENVIRONMENTS.c.id.in_(_FOUND_BY))
    .values(compared_time=sa.bindparam("at"))
)
_CONCERNS: Final = sa.select(
    sa.or_(
        sa.exists().where(ENVIRONMENTS.c.provider == sa.bindparam("of_provider")),
        sa.exists().where(ENVIRONMENT_ORPHANS.c.provider == sa.bindparam("of_provider")),
    )
)
_OF_PROVIDER: Final = ENVIRONMENT_COMPARISONS.c.provider == sa.bindparam("of_provider")
_COMPARISON: Final = sa.select(*ENVIRONMENT_COMPARISONS.c).where(_OF_PROVIDER)
_FORGET: Final = sa.delete(ENVIRONMENT_COMPARISONS).where(_OF_PROVIDER)
_NEWEST_SUCCESS: Final = (
    sa.select(*TASKS.c)
    .where(
        TASKS.c.subject == sa.bindparam("subject"),
        TASKS.c.kind == sa.bindparam("kind"),
        TASKS.c.state == Task.STATE_SUCCEEDED,
    )
    .order_by(TASKS.c.number.desc())
    .limit(1)
)
