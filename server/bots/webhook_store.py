"""Where webhooks are kept, and the deliveries among the Tasks of the kernel: functions over a connection."""

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from server.bots.instance_store import DELIVER_KIND, InstanceRow
from server.bots.tables import WEBHOOKS
from server.database.text import storable
from server.errors import NotFound
from server.tasks import store
from server.tasks.store import FinalHooks
from server.tasks.tables import TASKS
from server.tasks.task import FINAL, TaskRow


@dataclass(frozen=True, slots=True)
class WebhookRow:
    """One webhook. `secret` is encrypted, times are micros."""

    instance_id: str
    url: str
    secret: bytes
    create_time: int
    update_time: int


_BY_INSTANCE: Final = sa.select(*WEBHOOKS.c).where(WEBHOOKS.c.instance_id == sa.bindparam("instance_id"))


def _upsert(insert: sqlite.Insert | postgresql.Insert) -> sa.Insert:
    changed = {name: insert.excluded[name] for name in ("url", "secret", "update_time")}
    return insert.on_conflict_do_update(index_elements=["instance_id"], set_=changed)


_UPSERTS: Final = {
    "sqlite": _upsert(sqlite.insert(WEBHOOKS)),
    "postgresql": _upsert(postgresql.insert(WEBHOOKS)),
}
_DELIVERIES: Final = sa.and_(TASKS.c.subject == sa.bindparam("subject"), TASKS.c.kind == DELIVER_KIND)
_PAGE: Final = (
    sa.select(*TASKS.c)
    .where(_DELIVERIES)
    .order_by(TASKS.c.number.desc())
    .limit(sa.bindparam("limit"))
    .offset(sa.bindparam("offset"))
)
_UNFINISHED: Final = sa.select(TASKS.c.id).where(
    _DELIVERIES, TASKS.c.state.not_in(sorted(int(state) for state in FINAL))
)


def get(connection: sa.Connection, instance_id: str) -> WebhookRow | None:
    """Return the webhook of an instance, None when none is set."""
    row = connection.execute(_BY_INSTANCE, {"instance_id": instance_id}).first()
    return None if row is None else WebhookRow(*row)


def require(connection: sa.Connection, instance_id: str) -> WebhookRow:
    """Return the webhook of an instance.

    Raises:
        NotFound: none is set.
    """
    row = get(connection, instance_id)
    if row is None:
        raise NotFound("Webhook not found", instance_id=instance_id)
    return row


def put(connection: sa.Connection, instance_id: str, url: str, secret: bytes, *, now: int) -> WebhookRow:
    """Set the webhook of an instance and return it; one that was set before keeps its time of creation."""
    values = {"instance_id": instance_id, "url": url, "secret": secret, "create_time": now, "update_time": now}
    connection.execute(_UPSERTS[connection.dialect.name], values)
    return require(connection, instance_id)


def delete(connection: sa.Connection, instance_id: str) -> None:
    """Remove the webhook of an instance.

    Raises:
        NotFound: none is set.
    """
    gone = connection.execute(sa.delete(WEBHOOKS).where(WEBHOOKS.c.instance_id == instance_id)).rowcount
    if gone == 0:
        raise NotFound("Webhook not found", instance_id=instance_id)


def deliveries(connection: sa.Connection, instance: InstanceRow, *, offset: int, limit: int) -> list[TaskRow]:
    """Return a page of the instance's deliveries, newest first."""
    parameters = {"subject": instance.subject, "limit": limit, "offset": offset}
    return [TaskRow(*row) for row in connection.execute(_PAGE, parameters)]


def require_delivery(connection: sa.Connection, instance: InstanceRow, delivery_id: str) -> TaskRow:
    """Return a delivery of the instance.

    Raises:
        NotFound: it has none of that id.
    """
    task = store.get(connection, storable(delivery_id))
    if task is None or task.subject != instance.subject or task.kind != DELIVER_KIND:
        raise NotFound("Delivery not found", delivery_id=delivery_id)
    return task


def give_up_deliveries(
    connection: sa.Connection, instance: InstanceRow, *, now: int, hooks: FinalHooks
) -> list[TaskRow]:
    """Cancel every delivery of the instance that is not final and return what changed."""
    changed: list[TaskRow] = []
    for task_id in connection.execute(_UNFINISHED, {"subject": instance.subject}).scalars().all():
        change = store.cancel(connection, task_id, reason="the webhook was removed", now=now, hooks=hooks)
        changed.extend(change.rows)
    return changed
