"""Operations: they begin with a Task, and its end tells where the environment stands. Parts of a unit of work.

The newest Task counts. What an older one reports at its end changes nothing: it was broken off, and what it made is
found by name by the one that follows it.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import sqlalchemy as sa

from server.clock import SECOND
from server.environments import environment_store, lifecycle
from server.environments.environment_row import EnvironmentRow
from server.environments.lifecycle import CLEAN_UP, CREATE, DELETE, RUNNING, START, Operation
from server.environments.new_task import provision
from server.environments.packed import unpacked
from server.errors import NotFound, TaskFinal
from server.tasks import store
from server.tasks.store import FinalHooks
from server.tasks.task import NewTask, TaskRow
from switchyard.environments.v1.provisioning_service_pb2 import ProvisionEnvironment, ProvisionEnvironmentResult
from switchyard.tasks.v1.task_pb2 import Task

# Wait before a deletion that has failed for good is begun again: doubled each time, up to the last.
_FIRST_WAIT_SECONDS: Final = 30
_LAST_WAIT_SECONDS: Final = 3_600


def begin(
    connection: sa.Connection, row: EnvironmentRow, operation: Operation, *, now: int, hooks: FinalHooks
) -> tuple[EnvironmentRow, list[TaskRow]]:
    """Begin `operation` on `row`, whose lock the caller holds; what is at work on it is broken off.

    Returns:
        The row as it stands, and Tasks for `Kernel.announce`, the new one last.

    Raises:
        EnvironmentState: it cannot be done where it stands.
    """
    status = lifecycle.begin(row.status, operation)
    changed = _break_off(connection, row, now=now, hooks=hooks) if row.status in lifecycle.CHANGING else []
    task = store.insert(connection, _task(row, operation), now=now)
    values: dict[str, Any] = {"status": status, "task_id": task.id, "error": "", "drift": "", "drive_count": 0}
    if operation == START:
        # Nobody is connected to what does not run yet.
        values |= {"ide_connections": 0, "ssh_connections": 0}
    row = environment_store.update(connection, row, **values, update_time=now, **_charged(row, status, now=now))
    return row, [*changed, task]


def is_at_work(connection: sa.Connection, row: EnvironmentRow) -> bool:
    """Whether the newest Task of `row` has not ended, and waits for nothing but a worker."""
    task = store.get(connection, row.task_id)
    return task is not None and not task.final and (task.state != Task.STATE_QUEUED or task.not_before is None)


def create(connection: sa.Connection, columns: dict[str, Any], *, now: int) -> tuple[EnvironmentRow, TaskRow]:
    """Store an environment of these columns and begin to make it.

    Returns:
        The row, and the Task for `Kernel.announce`.
    """
    values = {"status": lifecycle.CREATING, "task_id": "", "create_time": now, "update_time": now, "access_time": now}
    row = environment_store.insert(connection, columns | values)
    task = store.insert(connection, _task(row, CREATE), now=now)
    return environment_store.update(connection, row, task_id=task.id), task


def again(
    connection: sa.Connection, row: EnvironmentRow, *, now: int, hooks: FinalHooks
) -> tuple[EnvironmentRow, list[TaskRow]]:
    """Begin anew what is under way on `row`, whose lock the caller holds, with one more in its `drive_count`.

    Returns:
        The row as it stands, and Tasks for `Kernel.announce`, the new one last.

    Raises:
        EnvironmentState: nothing is under way.
    """
    operation = lifecycle.under_way(row.status)
    changed = _break_off(connection, row, now=now, hooks=hooks)
    task = store.insert(connection, _task(row, operation), now=now)
    row = environment_store.update(
        connection, row, task_id=task.id, drive_count=row.drive_count + 1, error="", update_time=now
    )
    return row, [*changed, task]


def give_up(
    connection: sa.Connection, row: EnvironmentRow, error: str, *, now: int
) -> tuple[EnvironmentRow, list[TaskRow]]:
    """Let `row`, whose lock the caller holds, stand at ERROR, because what is under way on it was lost.

    Returns:
        The row as it stands, and Tasks for `Kernel.announce`: what a creation may have made is removed.
    """
    begun = [store.insert(connection, _task(row, CLEAN_UP), now=now)] if row.status == lifecycle.CREATING else []
    return settle(connection, row, lifecycle.ERROR, now=now, error=error), begun


def on_final(connection: sa.Connection, task: TaskRow, now: int) -> Sequence[NewTask]:
    """Let the environment stand where its newest operation has left it. A hook of the kernel."""
    payload = unpacked(task.payload, ProvisionEnvironment())
    row = environment_store.get_locked(connection, payload.environment_id)
    if row is None or row.task_id != task.id:
        return ()
    if task.state == Task.STATE_SUCCEEDED:
        _settle(connection, row, payload.operation, task, now=now)
        return ()
    return _fail(connection, row, payload.operation, task, now=now)


def settle(
    connection: sa.Connection, row: EnvironmentRow, status: lifecycle.Status, *, now: int, **values: Any
) -> EnvironmentRow:
    """Let `row`, whose lock the caller holds, stand at `status`, charged for the time it has run."""
    return environment_store.update(connection, row, **settled(row, status, now=now), **values)


def settled(row: EnvironmentRow, status: lifecycle.Status, *, now: int) -> dict[str, Any]:
    """Return the columns that let `row` stand at `status`, charged for the time it has run."""
    return {"status": status, "update_time": now, **_charged(row, status, now=now)}


def _settle(connection: sa.Connection, row: EnvironmentRow, operation: Operation, task: TaskRow, *, now: int) -> None:
    status = lifecycle.succeeded(operation)
    if status is None:
        environment_store.delete(connection, row)
    elif status == RUNNING:
        result = unpacked(task.result, ProvisionEnvironmentResult())
        settle(connection, row, status, now=now, result=result.SerializeToString(), access_time=now, drive_count=0)
    else:
        settle(connection, row, status, now=now, drive_count=0)


def _fail(
    connection: sa.Connection, row: EnvironmentRow, operation: Operation, task: TaskRow, *, now: int
) -> Sequence[NewTask]:
    cancelled = task.state == Task.STATE_CANCELLED
    error = f"The attempt to {lifecycle.verb(operation)} it was cancelled" if cancelled else task.error_message
    row = settle(connection, row, lifecycle.failed(operation), now=now, error=error)
    if operation == DELETE:
        wait = min(_FIRST_WAIT_SECONDS * 2**row.drive_count, _LAST_WAIT_SECONDS)
        again = store.insert(connection, _task(row, DELETE, not_before=now + wait * SECOND), now=now)
        environment_store.update(connection, row, task_id=again.id, drive_count=row.drive_count + 1)
    return [_task(row, CLEAN_UP)] if operation == CREATE else ()


def _break_off(connection: sa.Connection, row: EnvironmentRow, *, now: int, hooks: FinalHooks) -> list[TaskRow]:
    # Its end is not that of the newest Task any more, whichever way it comes.
    environment_store.update(connection, row, task_id="")
    with suppress(NotFound, TaskFinal):
        change = store.cancel(connection, row.task_id, reason="something else is done", now=now, hooks=hooks)
        return list(change.rows)
    return []


def _task(row: EnvironmentRow, operation: Operation, *, not_before: int | None = None) -> NewTask:
    payload = ProvisionEnvironment(
        environment_id=row.id, operation=operation, provider=row.provider, region=row.cloud_region
    )
    return provision(payload, row.tenant, not_before=not_before)


def _charged(row: EnvironmentRow, status: lifecycle.Status, *, now: int) -> dict[str, int | None]:
    """Return the columns that tell how long it has run, for its way to `status`."""
    if status == RUNNING:
        return {"running_since": now} if row.running_since is None else {}
    # What is being stopped or deleted still costs.
    if row.running_since is None or status in lifecycle.CHANGING:
        return {}
    return {"running_since": None, "run_seconds": row.run_seconds + (now - row.running_since) // SECOND}
