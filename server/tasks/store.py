"""Where Tasks are kept: functions over a connection, each part of its caller's transaction.

What moves a Task reads its row under a lock, asks `lifecycle`, and stores the answer. Whenever that makes the Task
final, the hook of its kind takes part in the same transaction, whatever caused the end.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from google.protobuf import any_pb2

from server.clock import SECOND
from server.database.after_commit import after_commit
from server.database.locks import lock
from server.database.point_insert import PointInsert
from server.database.point_read import PointRead, PointWrite
from server.errors import LeaseLost, NotFound
from server.tasks import lifecycle, metrics
from server.tasks.tables import LEASED, TASKS, WAITING
from server.tasks.task import LEASED as LEASED_STATES
from server.tasks.task import NewTask, TaskRow
from switchyard.tasks.v1.task_pb2 import Task

FinalHook = Callable[[sa.Connection, TaskRow, int], Sequence[NewTask]]
"""What a domain adds to the end of a Task: called with the final row and the time; what it returns is inserted."""

FinalHooks = Mapping[str, FinalHook]
"""Hooks by kind of Task."""


# Columns that change after a Task was inserted.
CHANGING: Final = tuple(
    column.name
    for column in TASKS.c
    if column.name
    not in {
        "number", "id", "kind", "subject", "tenant", "priority", "max_attempts", "attempt_timeout_seconds", "payload",
        "create_time", "concurrency_key", "concurrency_limit", "cost_credits", "log_line_count", "prune_time",
        "title", "summed",
    }
)  # fmt: skip

_ALL: Final = sa.select(*TASKS.c)
_BY_ID: Final = _ALL.where(TASKS.c.id == sa.bindparam("task_id"))
_BY_ID_LOCKED: Final = _BY_ID.with_for_update()
_POINT_READ: Final = PointRead(_BY_ID)
_POINT_READ_LOCKED: Final = PointRead(_BY_ID_LOCKED)
_INSERT: Final = PointInsert(TASKS, number=TASKS.c.number)
# A final row never changes, nor one that another claim has taken: the caller has read exactly this state under a lock.
_UPDATE: Final = sa.update(TASKS).where(
    TASKS.c.number == sa.bindparam("at_number"),
    TASKS.c.state == sa.bindparam("from_state"),
    TASKS.c.fencing_token == sa.bindparam("from_token"),
    sa.or_(WAITING, LEASED),
)
_OF_SUBJECT: Final = _ALL.where(TASKS.c.subject == sa.bindparam("subject"), TASKS.c.kind == sa.bindparam("kind"))
_NEWEST: Final = _OF_SUBJECT.order_by(TASKS.c.number.desc()).limit(1)
_ACTIVE: Final = _NEWEST.where(sa.or_(WAITING, LEASED))
_EXPIRED: Final = (
    _ALL.where(LEASED, TASKS.c.lease_expire_time <= sa.bindparam("now"))
    .order_by(TASKS.c.lease_expire_time)
    .limit(sa.bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_EXTEND: Final = (
    sa.update(TASKS)
    .where(LEASED, TASKS.c.lease_expire_time < sa.bindparam("until"))
    .values(lease_expire_time=sa.bindparam("until"))
)
_ANY_EXPIRED: Final = sa.select(sa.exists().where(LEASED, TASKS.c.lease_expire_time <= sa.bindparam("now")))


@dataclass(frozen=True, slots=True)
class Change:
    """What a transition did: the Task as it stands now, and the Tasks its end gave rise to."""

    task: TaskRow
    created: tuple[TaskRow, ...] = ()

    @property
    def rows(self) -> tuple[TaskRow, ...]:
        """All of them, for `Kernel.announce`."""
        return (self.task, *self.created)


def insert(connection: sa.Connection, new: NewTask, *, now: int) -> TaskRow:
    """Store `new` as a queued Task under a new id and return it."""
    payload = any_pb2.Any()
    payload.Pack(new.payload)
    values: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "kind": new.kind,
        "subject": new.subject,
        "tenant": new.tenant,
        "priority": new.priority,
        "state": Task.STATE_QUEUED,
        "attempt": 1,
        "max_attempts": new.max_attempts,
        "not_before": new.not_before,
        "attempt_timeout_seconds": new.attempt_timeout_seconds,
        "worker_id": "",
        "worker_host": "",
        "lease_expire_time": None,
        "fencing_token": 0,
        "finish_token": 0,
        "finish_state": Task.STATE_UNSPECIFIED,
        "progress_fraction": None,
        "progress_message": "",
        "progress_time": None,
        "error_type": "",
        "error_message": "",
        "receipt": None,
        "exit_code": None,
        "cost_credits": None,
        "create_time": now,
        "start_time": None,
        "end_time": None,
        "cancel_time": None,
        "cancel_reason": "",
        "concurrency_key": new.concurrency_key,
        "concurrency_limit": new.concurrency_limit,
        "log_line_count": 0,
        "log_offset": 0,
        "prune_time": None,
        "title": new.title,
        "last_worker_id": "",
        "summed": 0,
        "payload": payload.SerializeToString(),
        "result": None,
    }
    return TaskRow(number=_INSERT.execute(connection, values), **values)


def get(connection: sa.Connection, task_id: str) -> TaskRow | None:
    """Return the Task, None when there is none of that id."""
    row = _POINT_READ.first(connection, task_id=task_id)
    return None if row is None else TaskRow(*row)


def get_locked(connection: sa.Connection, task_id: str) -> TaskRow | None:
    """Return the Task and keep other transactions from changing it until this one ends."""
    row = _POINT_READ_LOCKED.first(connection, task_id=task_id)
    return None if row is None else TaskRow(*row)


def newest_of_subject(connection: sa.Connection, subject: str, kind: str) -> TaskRow | None:
    """Return the Task of `subject` that was created last, None when there is none."""
    return _one(connection.execute(_NEWEST, {"subject": subject, "kind": kind}))


def lock_subject(connection: sa.Connection, subject: str) -> None:
    """Keep other units of work that call this for `subject` waiting until this one ends.

    Call it before you insert a Task because `active_of_subject` found none: on Postgres two units may both find none.
    """
    lock(connection, f"tasks.subject:{subject}")


def active_of_subject(connection: sa.Connection, subject: str, kind: str) -> TaskRow | None:
    """Return the newest Task of `subject` that is not final, None when there is none."""
    return _one(connection.execute(_ACTIVE, {"subject": subject, "kind": kind}))


def renew(connection: sa.Connection, task_id: str, token: int, *, lease_seconds: float, now: int) -> TaskRow:
    """Renew the lease that `token` belongs to. Raises LeaseLost."""
    row = held(connection, task_id, token)
    renewed = lifecycle.renew(row, token, lease_seconds=lease_seconds, now=now)
    put(connection, row, renewed)
    return renewed


def held(connection: sa.Connection, task_id: str, token: int) -> TaskRow:
    """Return the Task, locked, if `token` is that of its live lease.

    Raises:
        LeaseLost: it is not, or there is no such Task any more.
    """
    row = get_locked(connection, task_id)
    if row is None:
        raise LeaseLost(task_id)
    return lifecycle.held(row, token)


def report_progress(
    connection: sa.Connection, task_id: str, token: int, progress: lifecycle.Progress, *, now: int
) -> TaskRow:
    """Store how far the work has come. Raises LeaseLost."""
    row = held(connection, task_id, token)
    reported = lifecycle.advance(row, progress, now=now)
    put(connection, row, reported)
    return reported


def finish(
    connection: sa.Connection,
    task_id: str,
    token: int,
    outcome: lifecycle.Outcome,
    *,
    exit_code: int | None,
    progress: lifecycle.Progress | None = None,
    now: int,
    hooks: FinalHooks,
) -> Change:
    """End an attempt; `progress` None leaves what was reported. Repeated with the same token it changes nothing.

    Raises:
        LeaseLost: `token` is not that of the live lease.
        InvalidArgument: a cancel is reported that nobody asked for.
    """
    row = get_locked(connection, task_id)
    if row is None:
        raise LeaseLost(task_id)
    ended = lifecycle.finish(row, token, outcome, exit_code=exit_code, progress=progress, now=now)
    return _change(connection, row, ended, now, hooks)


def release(connection: sa.Connection, task_id: str, token: int, *, now: int, hooks: FinalHooks) -> Change:
    """Give a Task back unfinished. Raises LeaseLost."""
    row = held(connection, task_id, token)
    return _change(connection, row, lifecycle.release(row, token, now=now), now, hooks)


def cancel(connection: sa.Connection, task_id: str, *, reason: str, now: int, hooks: FinalHooks) -> Change:
    """Ask a Task to end. Repeated it changes nothing.

    Raises:
        NotFound: there is no such Task.
        TaskFinal: it has succeeded or failed.
    """
    row = get_locked(connection, task_id)
    if row is None:
        raise NotFound(f"task {task_id!r} is not known", task_id=task_id)
    return _change(connection, row, lifecycle.cancel(row, reason=reason, now=now), now, hooks)


def give_up(
    connection: sa.Connection, task_id: str, *, error_type: str, error_message: str, now: int, hooks: FinalHooks
) -> Change | None:
    """Fail a Task that waits, because nobody is left who could do it; None when it does not wait."""
    row = get_locked(connection, task_id)
    if row is None or row.state != Task.STATE_QUEUED:
        return None
    failed = lifecycle.give_up(row, error_type=error_type, error_message=error_message, now=now)
    return _change(connection, row, failed, now, hooks)


def take_away(connection: sa.Connection, task_id: str, worker_id: str, *, now: int, hooks: FinalHooks) -> Change | None:
    """Take a Task from a worker as if its lease had run out; None when that worker does not hold it."""
    row = get_locked(connection, task_id)
    if row is None or row.worker_id != worker_id or row.state not in LEASED_STATES:
        return None
    return _expire(connection, row, now, hooks)


def any_expired(connection: sa.Connection, *, now: int) -> bool:
    """Return whether the lease of any Task has run out."""
    return bool(connection.execute(_ANY_EXPIRED, {"now": now}).scalar_one())


def expire(connection: sa.Connection, *, limit: int, now: int, hooks: FinalHooks) -> list[Change]:
    """Take at most `limit` Tasks from workers whose lease has run out."""
    rows = [TaskRow(*row) for row in connection.execute(_EXPIRED, {"now": now, "limit": limit})]
    return [_expire(connection, row, now, hooks) for row in rows]


def extend_leases(connection: sa.Connection, *, lease_seconds: float, now: int) -> int:
    """Give every live lease at least one whole term from `now` and return how many were shorter."""
    return connection.execute(_EXTEND, {"until": now + round(lease_seconds * SECOND)}).rowcount


def _one(result: sa.CursorResult[*tuple[Any, ...]]) -> TaskRow | None:
    row = result.first()
    return None if row is None else TaskRow(*row)


def _expire(connection: sa.Connection, row: TaskRow, now: int, hooks: FinalHooks) -> Change:
    after_commit(connection, lambda: metrics.lease_lost(row))
    return _change(connection, row, lifecycle.expire(row, now=now), now, hooks)


def _change(connection: sa.Connection, before: TaskRow, after: TaskRow, now: int, hooks: FinalHooks) -> Change:
    """Store `after`; if that ends the Task, call the hook of its kind and insert what it asks for."""
    if after == before:
        return Change(after)
    put(connection, before, after)
    hook = hooks.get(after.kind) if after.final else None
    if hook is None:
        return Change(after)
    return Change(after, tuple(insert(connection, new, now=now) for new in hook(connection, after, now)))


def put(connection: sa.Connection, before: TaskRow, after: TaskRow) -> None:
    """Store `after` in place of `before`, which the caller has read under a lock."""
    changed = tuple(name for name in CHANGING if getattr(after, name) != getattr(before, name)) or ("state",)
    values = {f"new_{name}": getattr(after, name) for name in changed}
    values |= {"at_number": before.number, "from_state": before.state, "from_token": before.fencing_token}
    if _update(changed).execute(connection, values) != 1:
        raise AssertionError(f"task {before.id} changed although it was locked")
    if after.state != before.state:
        after_commit(connection, lambda: metrics.moved(before, after))


@cache
def _update(names: tuple[str, ...]) -> PointWrite:
    """Return what sets these columns; each further one would have its indexes written for nothing."""
    return PointWrite(_UPDATE.values({name: sa.bindparam(f"new_{name}") for name in names}))
