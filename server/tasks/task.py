"""A Task as it is stored, as it is asked for, and as the contract shows it."""

from dataclasses import dataclass
from typing import Final

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message

from server.clock import to_timestamp
from switchyard.tasks.v1 import task_pb2 as pb

# States without a successor.
FINAL: Final = frozenset({pb.Task.STATE_SUCCEEDED, pb.Task.STATE_FAILED, pb.Task.STATE_CANCELLED})
# States in which a worker holds a lease.
LEASED: Final = frozenset({pb.Task.STATE_RUNNING, pb.Task.STATE_CANCELLING})


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One row of the table `tasks`, in the order of its columns. Times are micros, None where unset.

    `payload` and `result` are serialized `google.protobuf.Any`, `receipt` is a serialized `CancelReceipt`. Texts are
    empty where unset.
    """

    number: int
    id: str
    kind: str
    subject: str
    tenant: str
    priority: int
    state: pb.Task.State.ValueType
    attempt: int
    max_attempts: int
    not_before: int | None
    attempt_timeout_seconds: int
    worker_id: str
    worker_host: str
    lease_expire_time: int | None
    fencing_token: int
    finish_token: int
    finish_state: pb.Task.State.ValueType
    progress_fraction: float | None
    progress_message: str
    progress_time: int | None
    error_type: str
    error_message: str
    receipt: bytes | None
    exit_code: int | None
    cost_credits: float | None
    create_time: int
    start_time: int | None
    end_time: int | None
    cancel_time: int | None
    cancel_reason: str
    concurrency_key: str
    concurrency_limit: int
    log_line_count: int
    log_offset: int
    prune_time: int | None
    title: str
    last_worker_id: str
    summed: int
    payload: bytes
    result: bytes | None

    @property
    def final(self) -> bool:
        """Whether nothing can change the Task any more."""
        return self.state in FINAL


@dataclass(frozen=True, slots=True)
class NewTask:
    """A Task to be stored.

    `payload` is what is to be done, `title` what lists call it. `not_before` is in micros, None means at once. At most
    `concurrency_limit` Tasks (1 to 10,000) with the same `concurrency_key` run at a time; an empty key means no limit.
    """

    kind: str
    subject: str
    tenant: str
    payload: Message
    priority: int = 10
    max_attempts: int = 1
    attempt_timeout_seconds: int = 3600
    not_before: int | None = None
    concurrency_key: str = ""
    concurrency_limit: int = 0
    title: str = ""


def to_message(row: TaskRow, *, payload: bool = False) -> pb.Task:
    """Return `row` as the contract shows it, with its payload only if asked for.

    A result that cannot be read would have no JSON form, nor would a list that holds it; it is packed once more.
    """
    task = pb.Task(
        id=row.id,
        kind=row.kind,
        subject=row.subject,
        tenant=row.tenant,
        priority=row.priority,
        state=row.state,
        attempt=row.attempt,
        max_attempts=row.max_attempts,
        attempt_timeout=Duration(seconds=row.attempt_timeout_seconds),
        exit_code=row.exit_code,
        worker_host=row.worker_host,
        cost_credits=row.cost_credits,
        concurrency_key=row.concurrency_key,
        concurrency_limit=row.concurrency_limit,
    )
    for name in ("not_before", "create_time", "start_time", "end_time", "cancel_time"):
        if (micros := getattr(row, name)) is not None:
            getattr(task, name).CopyFrom(to_timestamp(micros))
    if row.lease_expire_time is not None:
        task.lease.worker_id = row.worker_id
        task.lease.fencing_token = row.fencing_token
        task.lease.expire_time.CopyFrom(to_timestamp(row.lease_expire_time))
    if (progress := to_progress(row)) is not None:
        task.progress.CopyFrom(progress)
    if payload:
        task.payload.CopyFrom(Any.FromString(row.payload))
    if row.result is not None:
        result = Any.FromString(row.result)
        if _is_readable(result):
            task.result.CopyFrom(result)
        else:
            task.result.Pack(pb.OpaqueResult(type_url=result.type_url, value=result.value))
    if row.error_type:
        task.error.CopyFrom(pb.Failure(type=row.error_type, message=row.error_message))
    if row.receipt is not None:
        task.receipt.CopyFrom(pb.CancelReceipt.FromString(row.receipt))
    return task


def _is_readable(packed: Any) -> bool:
    """Whether what is packed is of a type of the contract we were built with, and is what it says."""
    if not packed.type_url:
        return not packed.value
    try:
        kind = descriptor_pool.Default().FindMessageTypeByName(packed.TypeName())
        message_factory.GetMessageClass(kind).FromString(packed.value)
    except (KeyError, DecodeError):
        return False
    return True


def to_progress(row: TaskRow) -> pb.Progress | None:
    """Return the newest report of the worker, None before the first."""
    if row.progress_time is None:
        return None
    return pb.Progress(
        fraction=row.progress_fraction, message=row.progress_message, update_time=to_timestamp(row.progress_time)
    )
