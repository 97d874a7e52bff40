"""What providers have of ours that belongs to no environment: functions over a connection, parts of units of work."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import orjson
import sqlalchemy as sa

from server.database.text import storable
from server.environments import operations
from server.environments.new_task import provision
from server.environments.tables import ENVIRONMENT_ORPHANS
from server.errors import NotFound
from server.tasks import store
from server.tasks.task import NewTask, TaskRow
from switchyard.environments.v1.provisioning_service_pb2 import FoundEnvironment, ProvisionEnvironment
from switchyard.tasks.v1.task_pb2 import Task


class OrphanRow(NamedTuple):
    """One row of the table `environment_orphans`, in the order of its columns. `resources` is a JSON list."""

    number: int
    provider: str
    environment_id: str
    region: str
    resources: str
    see_time: int
    task_id: str | None


def note(connection: sa.Connection, provider: str, found: Iterable[FoundEnvironment], *, now: int) -> None:
    """Keep exactly `found` as what `provider` has of no environment; what was there before keeps its time."""
    there = {one.environment_id: one for one in found}
    before = {row.environment_id: row for row in _of_provider(connection, provider)}
    for row in before.values():
        if row.environment_id not in there:
            connection.execute(_DELETE, {"at_number": row.number})
        elif _resources(there[row.environment_id]) != row.resources:
            changed = _resources(there[row.environment_id])
            connection.execute(_CHANGE, {"at_number": row.number, "now_there": changed})
    new = [_values(provider, one, now) for found_id, one in there.items() if found_id not in before]
    if new:
        connection.execute(sa.insert(ENVIRONMENT_ORPHANS), new)


def known(connection: sa.Connection, provider: str) -> set[str]:
    """Return the ids of environments that orphans of a provider were made for."""
    return {row.environment_id for row in _of_provider(connection, provider)}


def page(connection: sa.Connection, *, limit: int, behind: int | None) -> list[OrphanRow]:
    """Return at most `limit` orphans, oldest first; with `behind` only those of higher numbers."""
    query = _ALL.order_by(ENVIRONMENT_ORPHANS.c.number).limit(limit)
    if behind is not None:
        query = query.where(ENVIRONMENT_ORPHANS.c.number > behind)
    return [OrphanRow._make(row) for row in connection.execute(query)]


def remove(connection: sa.Connection, provider: str, environment_id: str, *, now: int) -> TaskRow:
    """Begin to remove an orphan at its provider, and return the Task, which may have been begun before.

    Raises:
        NotFound: there is none of that name.
    """
    row = connection.execute(
        _NAMED_LOCKED, {"of_provider": storable(provider), "environment_id": storable(environment_id)}
    ).first()
    if row is None:
        raise NotFound(f"orphan '{environment_id}' not found at '{provider}'", environment_id=environment_id)
    orphan = OrphanRow._make(row)
    begun = None if orphan.task_id is None else store.get(connection, orphan.task_id)
    if begun is not None and not begun.final:
        return begun
    task = store.insert(connection, _removal(orphan), now=now)
    connection.execute(_SET_TASK, {"at_number": orphan.number, "new_task": task.id})
    return task


def on_final(connection: sa.Connection, task: TaskRow, now: int) -> Sequence[NewTask]:
    """Forget an orphan that is removed, and have all other operations settled. A hook of the kernel."""
    if task.state == Task.STATE_SUCCEEDED:
        connection.execute(_DELETE_REMOVED, {"of_task": task.id})
    else:
        connection.execute(_CLEAR_TASK, {"of_task": task.id})
    return operations.on_final(connection, task, now)


def _of_provider(connection: sa.Connection, provider: str) -> list[OrphanRow]:
    return [OrphanRow._make(row) for row in connection.execute(_OF_PROVIDER, {"of_provider": provider})]


def _values(provider: str, found: FoundEnvironment, now: int) -> dict[str, object]:
    return {
        "provider": provider,
        "environment_id": found.environment_id,
        "region": storable(found.region),
        "resources": _resources(found),
        "see_time": now,
        "task_id": None,
    }


def _resources(found: FoundEnvironment) -> str:
    return orjson.dumps([storable(one) for one in found.resources]).decode()


def _removal(orphan: OrphanRow) -> NewTask:
    payload = ProvisionEnvironment(
        environment_id=orphan.environment_id,
        operation=ProvisionEnvironment.OPERATION_DELETE,
        provider=orphan.provider,
        region=orphan.region,
    )
    return provision(payload, "")


_ALL: Final = sa.select(*ENVIRONMENT_ORPHANS.c)
_AT: Final = ENVIRONMENT_ORPHANS.c.number == sa.bindparam("at_number")
_OF_TASK: Final = ENVIRONMENT_ORPHANS.c.task_id == sa.bindparam("of_task")
_OF_PROVIDER: Final = _ALL.where(ENVIRONMENT_ORPHANS.c.provider == sa.bindparam("of_provider")).with_for_update()
_NAMED_LOCKED: Final = _OF_PROVIDER.where(ENVIRONMENT_ORPHANS.c.environment_id == sa.bindparam("environment_id"))
_DELETE: Final = sa.delete(ENVIRONMENT_ORPHANS).where(_AT)
_CHANGE: Final = sa.update(ENVIRONMENT_ORPHANS).where(_AT).values(resources=sa.bindparam("now_there"))
_SET_TASK: Final = sa.update(ENVIRONMENT_ORPHANS).where(_AT).values(task_id=sa.bindparam("new_task"))
_DELETE_REMOVED: Final = sa.delete(ENVIRONMENT_ORPHANS).where(_OF_TASK)
_CLEAR_TASK: Final = sa.update(ENVIRONMENT_ORPHANS).where(_OF_TASK).values(task_id=None)
