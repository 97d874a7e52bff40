"""What a comparison that is under way has found: functions over a connection, each part of its caller's transaction."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import sqlalchemy as sa

from server.database.text import storable
from server.environments.new_task import COMPARE_KIND
from server.environments.tables import FOUND_ENVIRONMENTS
from server.tasks.tables import LEASED, TASKS, WAITING
from switchyard.environments.v1.provisioning_service_pb2 import FoundEnvironment

# Resources of one environment may be listed apart, each with a standing of its own: the first of these is true of all.
_STRONGEST: Final = (
    FoundEnvironment.STANDING_RUNNING,
    FoundEnvironment.STANDING_CHANGING,
    FoundEnvironment.STANDING_FAILED,
    FoundEnvironment.STANDING_STOPPED,
    FoundEnvironment.STANDING_UNSPECIFIED,
)


def add(connection: sa.Connection, task_id: str, found: Iterable[FoundEnvironment]) -> None:
    """Keep `found` for the Task, each with what was found of the same environment before."""
    merged: dict[str, FoundEnvironment] = {}
    for one in found:
        one.environment_id = storable(one.environment_id)
        known = merged.get(one.environment_id)
        merged[one.environment_id] = one if known is None else together(known, one)
    before = _of_ids(connection, task_id, merged)
    merged |= {found_id: together(known, merged[found_id]) for found_id, known in before.items()}
    if before:
        connection.execute(_DELETE_SOME, {"of_task": task_id, "ids": list(before)})
    rows = [
        {"task_id": task_id, "environment_id": found_id, "found": one.SerializeToString()}
        for found_id, one in merged.items()
    ]
    if rows:
        connection.execute(sa.insert(FOUND_ENVIRONMENTS), rows)


def all_of(connection: sa.Connection, task_id: str) -> dict[str, FoundEnvironment]:
    """Return what was found, by the ids of environments, in their order."""
    return _read(connection.execute(_ALL, {"of_task": task_id}))


def forget(connection: sa.Connection, task_id: str) -> None:
    """Forget what was found for the Task."""
    connection.execute(_DELETE, {"of_task": task_id})


def forget_ended(connection: sa.Connection, subject: str) -> None:
    """Forget what was found for Tasks of `subject` that have ended."""
    connection.execute(_DELETE_ENDED, {"subject": subject, "kind": COMPARE_KIND})


def together(one: FoundEnvironment, other: FoundEnvironment) -> FoundEnvironment:
    """Return what two reports say of one environment."""
    stronger, weaker = sorted((one, other), key=lambda found: _STRONGEST.index(found.standing))
    merged = FoundEnvironment()
    merged.CopyFrom(stronger)
    del merged.resources[:]
    merged.resources.extend(dict.fromkeys([*one.resources, *other.resources]))
    merged.region = stronger.region or weaker.region
    return merged


def _of_ids(
    connection: sa.Connection, task_id: str, ids: Mapping[str, FoundEnvironment]
) -> dict[str, FoundEnvironment]:
    return _read(connection.execute(_SOME, {"of_task": task_id, "ids": list(ids)})) if ids else {}


def _read(rows: Iterable[Any]) -> dict[str, FoundEnvironment]:
    return {found_id: FoundEnvironment.FromString(found) for found_id, found in rows}


_MINE: Final = FOUND_ENVIRONMENTS.c.task_id == sa.bindparam("of_task")
_NAMED: Final = FOUND_ENVIRONMENTS.c.environment_id.in_(sa.bindparam("ids", expanding=True))
_ALL: Final = (
    sa.select(FOUND_ENVIRONMENTS.c.environment_id, FOUND_ENVIRONMENTS.c.found)
    .where(_MINE)
    .order_by(FOUND_ENVIRONMENTS.c.environment_id)
)
_SOME: Final = _ALL.where(_NAMED)
_DELETE: Final = sa.delete(FOUND_ENVIRONMENTS).where(_MINE)
_DELETE_SOME: Final = sa.delete(FOUND_ENVIRONMENTS).where(_MINE, _NAMED)
_LIVE: Final = sa.select(TASKS.c.id).where(TASKS.c.kind == sa.bindparam("kind"), sa.or_(WAITING, LEASED))
_OF_SUBJECT: Final = sa.select(TASKS.c.id).where(
    TASKS.c.subject == sa.bindparam("subject"), TASKS.c.kind == sa.bindparam("kind")
)
_DELETE_ENDED: Final = sa.delete(FOUND_ENVIRONMENTS).where(
    FOUND_ENVIRONMENTS.c.task_id.in_(_OF_SUBJECT), FOUND_ENVIRONMENTS.c.task_id.not_in(_LIVE)
)
