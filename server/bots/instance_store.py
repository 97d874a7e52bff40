"""Where instances are kept: functions over a connection, each part of its caller's transaction.

The status of an instance is no column: it is computed from the newest Run that has left the queue.
"""

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from server.bots.tables import BOT_INSTANCES, FOLDER_REMOVALS, UNFINISHED_LOG_FILES, WEBHOOKS
from server.database.point_read import PointRead
from server.database.text import storable
from server.errors import NotFound
from switchyard.bots.v1 import bot_instance_pb2 as pb
from switchyard.bots.v1 import bot_instance_service_pb2 as service_pb
from switchyard.tasks.v1.task_pb2 import Task

RUN_KIND: Final = "run_bot"
VALIDATE_KIND: Final = "validate_bot"
DELIVER_KIND: Final = "deliver_webhook"
KINDS: Final = (RUN_KIND, VALIDATE_KIND, DELIVER_KIND)

SUBJECT_PREFIX: Final = "bot_instances/"

OWNER_WORDS: Final = {pb.OWNER_TYPE_USER: "user", pb.OWNER_TYPE_ORG: "org"}


@dataclass(frozen=True, slots=True)
class InstanceRow:
    """One instance. Times are micros, None where unset; `run_state` is that of the newest Run that left the queue."""

    id: str
    owner_type: pb.OwnerType.ValueType
    owner_id: str
    bot_code: str
    validation_status: pb.ValidationStatus.ValueType | None
    validation_task_id: str | None
    validation_report: bytes | None
    last_validated_at: int | None
    create_time: int
    update_time: int
    run_state: Task.State.ValueType | None

    @property
    def owner(self) -> str:
        """The owner as folders and Tasks name it, for example "user-dev-user-123"."""
        return f"{OWNER_WORDS[self.owner_type]}-{self.owner_id}"

    @property
    def subject(self) -> str:
        """The subject of the instance's Tasks."""
        return SUBJECT_PREFIX + self.id

    @property
    def status(self) -> pb.BotInstance.Status.ValueType:
        """How the instance fares."""
        if self.run_state is None:
            return pb.BotInstance.STATUS_INACTIVE
        return STATUS_OF_RUN.get(self.run_state, pb.BotInstance.STATUS_INACTIVE)


# Any state that is not here means inactive.
STATUS_OF_RUN: Final = {
    Task.STATE_RUNNING: pb.BotInstance.STATUS_ACTIVE,
    Task.STATE_CANCELLING: pb.BotInstance.STATUS_ACTIVE,
    Task.STATE_FAILED: pb.BotInstance.STATUS_ERROR,
}


@dataclass(frozen=True, slots=True)
class Filters:
    """Which instances a list holds. What is None or empty matches everything."""

    tenant_id: str | None = None
    owner_type: int | None = None
    owner_id: str = ""
    bot_code: str = ""
    status: int | None = None


# The state of the newest Run that has left the queue. As text: SQLAlchemy's own subquery costs a parameter and more.
_RUN_STATE: Final[sa.ColumnElement[int | None]] = sa.literal_column(
    f"(SELECT tasks.state FROM tasks WHERE tasks.subject = '{SUBJECT_PREFIX}' || bot_instances.id"  # noqa: S608 - ours
    f" AND tasks.kind = '{RUN_KIND}' AND tasks.state <> {Task.STATE_QUEUED:d} ORDER BY tasks.number DESC LIMIT 1)",
    sa.Integer(),
)
_ALL: Final = sa.select(*BOT_INSTANCES.c, _RUN_STATE.label("run_state"))
_BY_ID: Final = PointRead(_ALL.where(BOT_INSTANCES.c.id == sa.bindparam("instance_id")))
_AT_ID: Final = BOT_INSTANCES.c.id == sa.bindparam("instance_id")
_INSERT: Final = sa.insert(BOT_INSTANCES)
_TOUCH: Final = sa.update(BOT_INSTANCES).where(_AT_ID).values(update_time=sa.bindparam("now"))
_PENDING: Final = (
    sa.update(BOT_INSTANCES)
    .where(_AT_ID)
    .values(
        validation_status=pb.VALIDATION_STATUS_PENDING,
        validation_task_id=sa.bindparam("task_id"),
        update_time=sa.bindparam("now"),
    )
)
_VERDICT: Final = (
    sa.update(BOT_INSTANCES)
    .where(_AT_ID)
    .values(
        validation_status=sa.bindparam("status"),
        validation_task_id=sa.bindparam("task_id"),
        validation_report=sa.bindparam("report"),
        last_validated_at=sa.bindparam("now"),
        update_time=sa.bindparam("now"),
    )
)


def get(connection: sa.Connection, instance_id: str) -> InstanceRow | None:
    """Return the instance, None when there is none of that id."""
    row = _BY_ID.first(connection, instance_id=storable(instance_id))
    return None if row is None else InstanceRow(*row)


def require(connection: sa.Connection, instance_id: str, *, tenant_id: str | None) -> InstanceRow:
    """Return the instance if a caller of `tenant_id` may see it; None sees all.

    Raises:
        NotFound: there is none, or it belongs to somebody else.
    """
    row = get(connection, instance_id)
    if row is None or (tenant_id is not None and row.owner_id != tenant_id):
        raise NotFound("Bot instance not found", instance_id=instance_id)
    return row


def insert(
    connection: sa.Connection,
    *,
    instance_id: str,
    owner_type: pb.OwnerType.ValueType,
    owner_id: str,
    bot_code: str,
    now: int,
) -> InstanceRow:
    """Store a new instance and return it."""
    row = InstanceRow(instance_id, owner_type, owner_id, bot_code, None, None, None, None, now, now, None)
    values = {column.name: getattr(row, column.name) for column in BOT_INSTANCES.c}
    connection.execute(_INSERT, values)
    return row


def touch(connection: sa.Connection, instance_id: str, *, now: int) -> bool:
    """Note a change of the instance's files; tell whether the instance is still there."""
    return connection.execute(_TOUCH, {"instance_id": instance_id, "now": now}).rowcount == 1


def set_validation_pending(connection: sa.Connection, instance_id: str, task_id: str, *, now: int) -> None:
    """Note that the Task `task_id` validates the instance. The last report stays readable."""
    connection.execute(_PENDING, {"instance_id": instance_id, "task_id": task_id, "now": now})


def set_verdict(
    connection: sa.Connection,
    instance_id: str,
    status: pb.ValidationStatus.ValueType,
    report: service_pb.GetValidationResponse,
    *,
    task_id: str | None,
    now: int,
) -> None:
    """Store what a validation found; `report` holds `checks` and `errors`, `task_id` None a verdict from outside."""
    parameters = {"status": status, "task_id": task_id, "report": report.SerializeToString(), "now": now}
    connection.execute(_VERDICT, {"instance_id": instance_id, **parameters})


def count(connection: sa.Connection, filters: Filters) -> int:
    """Return how many instances pass the filters."""
    query = sa.select(sa.func.count()).select_from(BOT_INSTANCES).where(*_conditions(filters))
    return int(connection.execute(query).scalar_one())


def page(connection: sa.Connection, filters: Filters, *, offset: int, limit: int) -> list[InstanceRow]:
    """Return the instances that pass the filters, newest first."""
    order = (BOT_INSTANCES.c.create_time.desc(), BOT_INSTANCES.c.id.desc())
    query = _ALL.where(*_conditions(filters)).order_by(*order).offset(offset).limit(limit)
    return [InstanceRow(*row) for row in connection.execute(query)]


def delete(connection: sa.Connection, instance_id: str) -> None:
    """Remove the instance and its webhook. Its Tasks and folder are the caller's."""
    for table, column in (
        (UNFINISHED_LOG_FILES, UNFINISHED_LOG_FILES.c.instance_id),
        (WEBHOOKS, WEBHOOKS.c.instance_id),
        (BOT_INSTANCES, BOT_INSTANCES.c.id),
    ):
        connection.execute(sa.delete(table).where(column == instance_id))


def plan_removal(connection: sa.Connection, path: str, *, not_before: int) -> None:
    """Note that the folder `path`, relative to the data folder, is to go."""
    connection.execute(sa.insert(FOLDER_REMOVALS), {"path": path, "not_before": not_before})


def forget_removal(connection: sa.Connection, path: str) -> bool:
    """Take the note back; tell whether it was there."""
    return connection.execute(sa.delete(FOLDER_REMOVALS).where(FOLDER_REMOVALS.c.path == path)).rowcount == 1


def due_removals(connection: sa.Connection, *, now: int, limit: int) -> list[str]:
    """Return at most `limit` folders that are to go now."""
    due = FOLDER_REMOVALS.c.not_before <= now
    return list(connection.execute(sa.select(FOLDER_REMOVALS.c.path).where(due).limit(limit)).scalars())


def _conditions(filters: Filters) -> list[sa.ColumnElement[bool]]:
    columns = BOT_INSTANCES.c
    conditions: list[sa.ColumnElement[bool]] = []
    if filters.tenant_id is not None:
        conditions.append(columns.owner_id == filters.tenant_id)
    if filters.owner_type is not None:
        conditions.append(columns.owner_type == filters.owner_type)
    if filters.owner_id:
        conditions.append(columns.owner_id == storable(filters.owner_id))
    if filters.bot_code:
        conditions.append(columns.bot_code == storable(filters.bot_code))
    if filters.status is not None:
        conditions.append(_has_status(filters.status))
    return conditions


def _has_status(status: int) -> sa.ColumnElement[bool]:
    if status == pb.BotInstance.STATUS_INACTIVE:
        return sa.or_(_RUN_STATE.is_(None), _RUN_STATE.not_in([int(state) for state in STATUS_OF_RUN]))
    return _RUN_STATE.in_([int(state) for state, meaning in STATUS_OF_RUN.items() if meaning == status])
