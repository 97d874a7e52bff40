"""What is removed of Tasks: logs and files that are old, or all of a subject. Parts of the caller's transaction."""

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from server.tasks.tables import ARTIFACTS, KEPT, LOG_LINES, TASKS
from server.tasks.task import TaskRow

_ALL: Final = sa.select(*TASKS.c)
_OLDEST_KEPT: Final = (
    _ALL.where(KEPT, TASKS.c.kind == sa.bindparam("kind"), TASKS.c.end_time < sa.bindparam("older_than"))
    .order_by(TASKS.c.end_time)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_DELETE_LINES: Final = sa.delete(LOG_LINES).where(
    LOG_LINES.c.task_id == sa.bindparam("of_task"), LOG_LINES.c.seq > sa.bindparam("after")
)
_FILES: Final = sa.select(ARTIFACTS.c.file).where(ARTIFACTS.c.task_id == sa.bindparam("of_task"))
_DELETE_ARTIFACTS: Final = sa.delete(ARTIFACTS).where(ARTIFACTS.c.task_id == sa.bindparam("of_task"))
_SET_PRUNED: Final = (
    sa.update(TASKS)
    .where(TASKS.c.number == sa.bindparam("at_number"))
    .values(log_line_count=sa.bindparam("left"), prune_time=sa.bindparam("pruned"))
)


@dataclass(frozen=True, slots=True)
class Pruned:
    """What `prune` removed. The caller deletes `files`, paths of `(task id, file)`, and repeats while `more`."""

    line_count: int
    files: tuple[tuple[str, str], ...]
    more: bool


def delete_of_subject(connection: sa.Connection, subject: str) -> tuple[str, ...]:
    """Delete every Task of `subject` with its log and the rows of its files.

    Returns:
        The ids of the Tasks; their folders of files are the caller's to remove, once this is committed.
    """
    ids = sa.select(TASKS.c.id).where(TASKS.c.subject == subject)
    removed = tuple(connection.execute(ids).scalars())
    connection.execute(sa.delete(LOG_LINES).where(LOG_LINES.c.task_id.in_(ids)))
    connection.execute(sa.delete(ARTIFACTS).where(ARTIFACTS.c.task_id.in_(ids)))
    connection.execute(sa.delete(TASKS).where(TASKS.c.subject == subject))
    return removed


def prune(connection: sa.Connection, *, kind: str, older_than: int, limit: int, now: int) -> Pruned:
    """Remove the log and the files of the Task of `kind` that ended first, if that was before `older_than`.

    At most `limit` lines go in one call, the last ones first, so that no call takes long. The Task itself stays, and
    its `log_line_count` counts the lines that are left.
    """
    oldest = connection.execute(_OLDEST_KEPT, {"kind": kind, "older_than": older_than}).first()
    if oldest is None:
        return Pruned(0, (), more=False)
    row = TaskRow(*oldest)
    left = max(row.log_line_count - limit, 0)
    lines = connection.execute(_DELETE_LINES, {"of_task": row.id, "after": left}).rowcount
    files: tuple[tuple[str, str], ...] = ()
    if not left:
        files = tuple((row.id, file) for file in connection.execute(_FILES, {"of_task": row.id}).scalars())
        connection.execute(_DELETE_ARTIFACTS, {"of_task": row.id})
    pruned = {"at_number": row.number, "left": left, "pruned": None if left else now}
    connection.execute(_SET_PRUNED, pruned)
    return Pruned(lines, files, more=True)
