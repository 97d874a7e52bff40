"""Where Tasks are kept: functions over a connection, each part of its caller's transaction.

What moves a Task reads its row under a lock, asks `lifecycle`, and stores the answer. Whenever that makes the Task
final, the hook of its kind takes part in the same transaction, whatever caused the end.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa
from google.protobuf import any_pb2

from server.clock import SECOND
from server.database.locks import lock
from server.database.point_read import PointRead
from server.errors import LeaseLost, NotFound
from server.tasks import lifecycle
from server.tasks.tables import ARTIFACTS, KEPT, LEASED, LOG_LINES, TASKS, WAITING
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
    }
)  # fmt: skip

_ALL: Final = sa.select(*TASKS.c)
_BY_ID: Final = _ALL.where(TASKS.c.id == sa.bindparam("task_id"))
_BY_ID_LOCKED: Final = _BY_ID.with_for_update()
_POINT_READ: Final = PointRead(_BY_ID)
_INSERT: Final = sa.insert(TASKS).returning(TASKS.c.number)
# A final row never changes, nor one that another claim has taken: the caller has read exactly this state under a lock.
_UPDATE: Final = (
    sa.update(TASKS)
    .where(
        TASKS.c.number == sa.bindparam("at_number"),
        TASKS.c.state == sa.bindparam("from_state"),
        TASKS.c.fencing_token == sa.bindparam("from_token"),
        sa.or_(WAITING, LEASED),
    )
    .values({name: sa.bindparam(f"new_{name}") for name in CHANGING})
)
_OF_SUBJECT: Final = _ALL.where(TASKS.c.subject == sa.bindparam("subject"), TASKS.c.kind == sa.bindparam("kind"))
_NEWEST: Final = _OF_SUBJECT.order_by(TASKS.c.number.desc()).limit(1)
_ACTIVE: Final = _NEWEST.where(sa.or_(WAITING, LEASED))
_COUNT_OF_SUBJECT: Final = (
    sa.select(sa.func.count())
    .select_from(TASKS)
    .where(TASKS.c.subject == sa.bindparam("subject"), TASKS.c.kind == sa.bindparam("kind"))
)
_NUMBER: Final = sa.select(TASKS.c.number).where(TASKS.c.id == sa.bindparam("task_id"))
_DUE: Final = sa.or_(TASKS.c.not_before.is_(None), TASKS.c.not_before <= sa.bindparam("now"))
_RUNNING: Final = TASKS.alias("running")
_LIVE_LEASES: Final = (
    sa.select(sa.func.count())
    .select_from(_RUNNING)
    .where(sa.text(f"running.{LEASED.text}"), _RUNNING.c.concurrency_key == TASKS.c.concurrency_key)
    .scalar_subquery()
)
_BEST: Final = (
    _ALL.where(
        WAITING,
        _DUE,
        TASKS.c.kind.in_(sa.bindparam("kinds", expanding=True)),
        TASKS.c.concurrency_key.not_in(sa.bindparam("full_keys", expanding=True)),
        sa.or_(TASKS.c.concurrency_key == "", TASKS.c.concurrency_limit > _LIVE_LEASES),
    )
    .order_by(TASKS.c.priority, TASKS.c.number)
    .limit(1)
    .with_for_update(of=TASKS, skip_locked=True)
)
_LEASES_OF_KEY: Final = (
    sa.select(sa.func.count()).select_from(TASKS).where(LEASED, TASKS.c.concurrency_key == sa.bindparam("key"))
)
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
_WAITING_KINDS: Final = sa.select(TASKS.c.kind).distinct().where(WAITING, _DUE).order_by(TASKS.c.kind)
_COUNT_WAITING: Final = sa.select(sa.func.count()).select_from(TASKS).where(WAITING)
_COUNT_LEASED: Final = sa.select(sa.func.count()).select_from(TASKS).where(LEASED)
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
class Change:
    """What a transition did: the Task as it stands now, and the Tasks its end gave rise to."""

    task: TaskRow
    created: tuple[TaskRow, ...] = ()

    @property
    def rows(self) -> tuple[TaskRow, ...]:
        """All of them, for `Kernel.announce`."""
        return (self.task, *self.created)


@dataclass(frozen=True, slots=True)
class Pruned:
    """What `prune` removed. The caller deletes `files`, paths of `(task id, file)`, and repeats while `more`."""

    line_count: int
    files: tuple[tuple[str, str], ...]
    more: bool


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
        "payload": payload.SerializeToString(),
        "result": None,
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
    }
    number: int = connection.execute(_INSERT, values).scalar_one()
    return TaskRow(number=number, **values)


def get(connection: sa.Connection, task_id: str) -> TaskRow | None:
    """Return the Task, None when there is none of that id."""
    row = _POINT_READ.first(connection, task_id=task_id)
    return None if row is None else TaskRow(*row)


def get_locked(connection: sa.Connection, task_id: str) -> TaskRow | None:
    """Return the Task and keep other transactions from changing it until this one ends."""
    return _one(connection.execute(_BY_ID_LOCKED, {"task_id": task_id}))


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
    return connection.execute(_COUNT_WAITING).scalar_one(), connection.execute(_COUNT_LEASED).scalar_one()


def waiting_kinds(connection: sa.Connection, *, now: int) -> list[str]:
    """Return the kinds of which at least one Task waits for a worker and is due."""
    return list(connection.execute(_WAITING_KINDS, {"now": now}).scalars())


def claim(
    connection: sa.Connection, *, worker_id: str, worker_host: str, kinds: Iterable[str], lease_seconds: float, now: int
) -> TaskRow | None:
    """Lease the best waiting Task of `kinds`: lowest priority number first, then the oldest.

    Returns:
        The Task with its lease, None when nothing waits or every limit is reached.
    """
    full: list[str] = []
    while row := _one(connection.execute(_BEST, {"kinds": list(kinds), "full_keys": full, "now": now})):
        if _has_room(connection, row):
            claimed = lifecycle.claim(
                row, worker_id=worker_id, worker_host=worker_host, lease_seconds=lease_seconds, now=now
            )
            _store(connection, row, claimed)
            return claimed
        full.append(row.concurrency_key)
    return None


def renew(connection: sa.Connection, task_id: str, token: int, *, lease_seconds: float, now: int) -> TaskRow:
    """Renew the lease that `token` belongs to. Raises LeaseLost."""
    row = held(connection, task_id, token)
    renewed = lifecycle.renew(row, token, lease_seconds=lease_seconds, now=now)
    _store(connection, row, renewed)
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
    connection: sa.Connection, task_id: str, token: int, *, fraction: float | None, message: str, now: int
) -> TaskRow:
    """Store how far the work has come. Raises LeaseLost."""
    row = held(connection, task_id, token)
    reported = replace(row, progress_fraction=fraction, progress_message=message, progress_time=now)
    _store(connection, row, reported)
    return reported


def finish(
    connection: sa.Connection,
    task_id: str,
    token: int,
    outcome: lifecycle.Outcome,
    *,
    exit_code: int | None,
    now: int,
    hooks: FinalHooks,
) -> Change:
    """End an attempt. Repeated with the same token it changes nothing.

    Raises:
        LeaseLost: `token` is not that of the live lease.
        InvalidArgument: a cancel is reported that nobody asked for.
    """
    row = get_locked(connection, task_id)
    if row is None:
        raise LeaseLost(task_id)
    return _change(connection, row, lifecycle.finish(row, token, outcome, exit_code=exit_code, now=now), now, hooks)


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


def any_expired(connection: sa.Connection, *, now: int) -> bool:
    """Return whether the lease of any Task has run out."""
    return bool(connection.execute(_ANY_EXPIRED, {"now": now}).scalar_one())


def expire(connection: sa.Connection, *, limit: int, now: int, hooks: FinalHooks) -> list[Change]:
    """Take at most `limit` Tasks from workers whose lease has run out."""
    rows = [TaskRow(*row) for row in connection.execute(_EXPIRED, {"now": now, "limit": limit})]
    return [_change(connection, row, lifecycle.expire(row, now=now), now, hooks) for row in rows]


def extend_leases(connection: sa.Connection, *, lease_seconds: float, now: int) -> int:
    """Give every live lease at least one whole term from `now` and return how many were shorter."""
    return connection.execute(_EXTEND, {"until": now + round(lease_seconds * SECOND)}).rowcount


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
    row = _one(connection.execute(_OLDEST_KEPT, {"kind": kind, "older_than": older_than}))
    if row is None:
        return Pruned(0, (), more=False)
    left = max(row.log_line_count - limit, 0)
    lines = connection.execute(_DELETE_LINES, {"of_task": row.id, "after": left}).rowcount
    files: tuple[tuple[str, str], ...] = ()
    if not left:
        files = tuple((row.id, file) for file in connection.execute(_FILES, {"of_task": row.id}).scalars())
        connection.execute(_DELETE_ARTIFACTS, {"of_task": row.id})
    pruned = {"at_number": row.number, "left": left, "pruned": None if left else now}
    connection.execute(_SET_PRUNED, pruned)
    return Pruned(lines, files, more=True)


def _one(result: sa.CursorResult[*tuple[Any, ...]]) -> TaskRow | None:
    row = result.first()
    return None if row is None else TaskRow(*row)


def _has_room(connection: sa.Connection, row: TaskRow) -> bool:
    """Whether the limit of the row's key leaves room for one more lease, counted where no other claim can interfere."""
    if not row.concurrency_key:
        return True
    lock(connection, f"tasks.concurrency_key:{row.concurrency_key}")
    leases: int = connection.execute(_LEASES_OF_KEY, {"key": row.concurrency_key}).scalar_one()
    return leases < row.concurrency_limit


def _change(connection: sa.Connection, before: TaskRow, after: TaskRow, now: int, hooks: FinalHooks) -> Change:
    """Store `after`; if that ends the Task, call the hook of its kind and insert what it asks for."""
    if after == before:
        return Change(after)
    _store(connection, before, after)
    hook = hooks.get(after.kind) if after.final else None
    if hook is None:
        return Change(after)
    return Change(after, tuple(insert(connection, new, now=now) for new in hook(connection, after, now)))


def _store(connection: sa.Connection, before: TaskRow, after: TaskRow) -> None:
    values = {f"new_{name}": getattr(after, name) for name in CHANGING}
    values |= {"at_number": before.number, "from_state": before.state, "from_token": before.fencing_token}
    if connection.execute(_UPDATE, values).rowcount != 1:
        raise AssertionError(f"task {before.id} changed although it was locked")
