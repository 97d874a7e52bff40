"""Runs among the Tasks of the kernel: functions over a connection."""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from server.bots.instance_store import RUN_KIND, InstanceRow
from server.bots.tables import UNFINISHED_LOG_FILES
from server.database.text import storable
from server.errors import NotFound
from server.tasks import store
from server.tasks.tables import ARTIFACTS, TASKS
from server.tasks.task import TaskRow

_FIRST_AFTER: Final = (
    sa.select(TASKS.c.id)
    .where(
        TASKS.c.subject == sa.bindparam("subject"), TASKS.c.kind == RUN_KIND, TASKS.c.number > sa.bindparam("number")
    )
    .order_by(TASKS.c.number)
    .limit(1)
)
_WITH_ARTIFACTS: Final = (
    sa.select(ARTIFACTS.c.task_id).distinct().where(ARTIFACTS.c.task_id.in_(sa.bindparam("task_ids", expanding=True)))
)


def get(connection: sa.Connection, instance: InstanceRow, run_id: str) -> TaskRow | None:
    """Return a Run of the instance, None when it has none of that id."""
    task = store.get(connection, storable(run_id))
    return task if task is not None and task.subject == instance.subject and task.kind == RUN_KIND else None


def require(connection: sa.Connection, instance: InstanceRow, run_id: str) -> TaskRow:
    """Return a Run of the instance.

    Raises:
        NotFound: it has none of that id.
    """
    task = get(connection, instance, run_id)
    if task is None:
        raise NotFound("Run not found", run_id=run_id)
    return task


def newest(connection: sa.Connection, instance: InstanceRow) -> TaskRow | None:
    """Return the Run that was started last, None before the first."""
    return store.newest_of_subject(connection, instance.subject, RUN_KIND)


def first_after(connection: sa.Connection, subject: str, number: int) -> str | None:
    """Return the id of the oldest Run of `subject` that is newer than Task number `number`, None if there is none."""
    found: str | None = connection.execute(_FIRST_AFTER, {"subject": subject, "number": number}).scalar()
    return found


def with_artifacts(connection: sa.Connection, task_ids: Sequence[str]) -> frozenset[str]:
    """Return those of `task_ids` that left files."""
    if not task_ids:
        return frozenset()
    return frozenset(connection.execute(_WITH_ARTIFACTS, {"task_ids": list(task_ids)}).scalars())


def expect_log_file(connection: sa.Connection, task: TaskRow, instance: InstanceRow) -> None:
    """Note that the log of a new Run is to be written to a file."""
    connection.execute(sa.insert(UNFINISHED_LOG_FILES), {"task_id": task.id, "instance_id": instance.id})
