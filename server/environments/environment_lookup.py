"""Environments with what is known of the work on them, as callers see them."""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from server.environments import environment_store, environment_view
from server.environments.environment_row import EnvironmentRow
from server.environments.environment_store import EVERYBODY, Whose
from server.environments.lifecycle import CHANGING
from server.tasks.tables import TASKS
from server.tasks.task import TaskRow
from switchyard.environments.v1.environment_pb2 import Environment


def find(connection: sa.Connection, environment_id: str, whose: Whose = EVERYBODY, *, now: int) -> Environment | None:
    """Return the environment of that id as it stands at `now`; None when there is none for that caller."""
    row = environment_store.get(connection, environment_id, whose)
    return None if row is None else shown(connection, row, now=now)


def shown(connection: sa.Connection, row: EnvironmentRow, *, now: int) -> Environment:
    """Return an environment as it stands at `now`, with the step that is at work on it."""
    return all_shown(connection, [row], now=now)[0]


def all_shown(connection: sa.Connection, rows: Sequence[EnvironmentRow], *, now: int) -> list[Environment]:
    """Return environments as they stand at `now`, with the steps that are at work on them."""
    task_ids = [row.task_id for row in rows if row.status in CHANGING]
    found = connection.execute(_TASKS, {"ids": task_ids}) if task_ids else ()
    tasks = {task.id: task for task in (TaskRow(*columns) for columns in found)}
    return [environment_view.environment(row, tasks.get(row.task_id), now=now) for row in rows]


_TASKS: Final = sa.select(*TASKS.c).where(TASKS.c.id.in_(sa.bindparam("ids", expanding=True)))
