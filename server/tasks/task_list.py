"""Tasks by the page and by number: what is read of many at a time. Functions over a connection."""

from typing import Final

import sqlalchemy as sa

from server.tasks.tables import DUE, TASK_COUNTS, TASKS, WAITING
from server.tasks.task import LEASED as LEASED_STATES
from server.tasks.task import TaskRow
from switchyard.tasks.v1.task_pb2 import Task

_ALL: Final = sa.select(*TASKS.c)
_COUNT_OF_SUBJECT: Final = (
    sa.select(sa.func.count())
    .select_from(TASKS)
    .where(TASKS.c.subject == sa.bindparam("subject"), TASKS.c.kind == sa.bindparam("kind"))
)
_NUMBER: Final = sa.select(TASKS.c.number).where(TASKS.c.id == sa.bindparam("task_id"))
_WAITING_KINDS: Final = sa.select(TASKS.c.kind).distinct().where(WAITING, DUE).order_by(TASKS.c.kind)
_COUNTS: Final = sa.select(TASK_COUNTS.c.state, sa.func.sum(TASK_COUNTS.c.tasks)).group_by(TASK_COUNTS.c.state)


def list_of_subject(
    connection: sa.Connection, subject: str, kind: str, *, limit: int, before_id: str | None = None
) -> list[TaskRow]:
    """Return at most `limit` Tasks of `subject`, newest first; with `before_id` only those older than that Task.

    An unknown `before_id` gives none.
    """
    before = None if before_id is None else connection.execute(_NUMBER, {"task_id": before_id}).scalar_one_or_none()
    if before_id is not None and before is None:
        return []
    return list_tasks(connection, subject=subject, kind=kind, limit=limit, before_number=before)


def list_tasks(
    connection: sa.Connection,
    *,
    limit: int,
    kind: str = "",
    subject: str = "",
    state: int | None = None,
    tenant: str | None = None,
    before_number: int | None = None,
) -> list[TaskRow]:
    """Return at most `limit` Tasks that pass every filter given, newest first.

    `before_number` None begins with the newest, else with the one created just before the Task of that number.
    """
    query = _ALL.order_by(TASKS.c.number.desc()).limit(limit)
    if kind:
        query = query.where(TASKS.c.kind == kind)
    if subject:
        query = query.where(TASKS.c.subject == subject)
    if state is not None:
        query = query.where(TASKS.c.state == state)
    if tenant is not None:
        query = query.where(TASKS.c.tenant == tenant)
    if before_number is not None:
        query = query.where(TASKS.c.number < before_number)
    return [TaskRow(*row) for row in connection.execute(query)]


def count_of_subject(connection: sa.Connection, subject: str, kind: str) -> int:
    """Return how many Tasks of `subject` there are."""
    count: int = connection.execute(_COUNT_OF_SUBJECT, {"subject": subject, "kind": kind}).scalar_one()
    return count


def counts(connection: sa.Connection) -> tuple[int, int]:
    """Return how many Tasks wait for a worker, and how many a worker holds."""
    found = {state: int(count) for state, count in connection.execute(_COUNTS)}
    return found.get(Task.STATE_QUEUED, 0), sum(found.get(state, 0) for state in LEASED_STATES)


def waiting_kinds(connection: sa.Connection, *, now: int) -> list[str]:
    """Return the kinds of which at least one Task waits for a worker and is due."""
    return list(connection.execute(_WAITING_KINDS, {"now": now}).scalars())
