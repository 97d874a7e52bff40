"""The life of a Task: which state may follow which, and what changes with it.

Pure: no clock, no storage. Callers pass `now` (micros) in and store what comes out. `NEXT` is the specification.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, TypeAlias

from server.clock import SECOND, to_timestamp
from server.errors import InvalidArgument, LeaseLost, TaskFinal
from server.tasks.task import LEASED, TaskRow
from switchyard.tasks.v1.task_pb2 import CancelReceipt, Task

State: TypeAlias = Task.State.ValueType

# A state without a row is final.
NEXT: Final[Mapping[State, frozenset[State]]] = {
    Task.STATE_QUEUED: frozenset({Task.STATE_RUNNING, Task.STATE_CANCELLED, Task.STATE_FAILED}),
    Task.STATE_RUNNING: frozenset({Task.STATE_CANCELLING, Task.STATE_SUCCEEDED, Task.STATE_FAILED, Task.STATE_QUEUED}),
    Task.STATE_CANCELLING: frozenset({Task.STATE_SUCCEEDED, Task.STATE_FAILED, Task.STATE_CANCELLED}),
}

RETRY_BASE_SECONDS: Final = 5.0
RETRY_CEILING_SECONDS: Final = 300.0
WORKER_LOST: Final = "WorkerLost"


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The work is done. `result` is a serialized `Any`, None when nothing came out."""

    result: bytes | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The work failed.

    With `retryable` it is tried again while attempts are left, after `retry_delay_seconds` (None: as
    `retry_delay_seconds` in this module says). `result` is what came out nevertheless, a serialized `Any`.
    """

    error_type: str
    error_message: str
    retryable: bool = False
    retry_delay_seconds: float | None = None
    result: bytes | None = None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The work was stopped on request. `receipt` is a serialized `CancelReceipt`, `result` as that of `Failed`."""

    receipt: bytes
    result: bytes | None = None


Outcome: TypeAlias = Succeeded | Failed | Cancelled


class Progress(NamedTuple):
    """How far the work has come: 0 to 1, None when that is not known, and a line for people."""

    fraction: float | None
    message: str


def retry_delay_seconds(attempt: int) -> float:
    """Seconds to wait after attempt number `attempt` (1 to 100) has failed: 5, doubled by each attempt, at most 300."""
    return min(RETRY_CEILING_SECONDS, RETRY_BASE_SECONDS * 2.0 ** (attempt - 1))


def claim(row: TaskRow, *, worker_id: str, worker_host: str, lease_seconds: float, now: int) -> TaskRow:
    """Return `row`, which waits, with a lease for `worker_id` under a new fencing token."""
    return _moved(
        row,
        Task.STATE_RUNNING,
        worker_id=worker_id,
        worker_host=worker_host,
        last_worker_id=worker_id,
        lease_expire_time=now + round(lease_seconds * SECOND),
        fencing_token=row.fencing_token + 1,
        log_offset=row.log_line_count,
        not_before=None,
        # Of the attempt, which outlasts a lease that was given back.
        start_time=row.start_time if row.start_time is not None else now,
        progress_fraction=None,
        progress_message="",
        progress_time=None,
        result=None,
        error_type="",
        error_message="",
    )


def held(row: TaskRow, fencing_token: int) -> TaskRow:
    """Return `row` if `fencing_token` is that of its live lease.

    Raises:
        LeaseLost: it is not.
    """
    if not holds(row.state, row.fencing_token, fencing_token):
        raise LeaseLost(row.id)
    return row


def holds(state: State, newest_token: int, fencing_token: int) -> bool:
    """Whether `fencing_token` is that of a live lease, given the state and the newest token of a Task."""
    return state in LEASED and newest_token == fencing_token


def renew(row: TaskRow, fencing_token: int, *, lease_seconds: float, now: int) -> TaskRow:
    """Return `row` with a lease that ends `lease_seconds` from `now`.

    Raises:
        LeaseLost: `fencing_token` is not that of the live lease.
    """
    return replace(held(row, fencing_token), lease_expire_time=now + round(lease_seconds * SECOND))


def cancel(row: TaskRow, *, reason: str, now: int) -> TaskRow:
    """Return `row` as it stands after a request to stop; unchanged if one was made before.

    Raises:
        TaskFinal: it has ended, and not by such a request.
    """
    match row.state:
        case Task.STATE_QUEUED:
            # The failure it waited to get over is not how it ended.
            waiting = replace(_requested(row, reason, now), error_type="", error_message="", result=None)
            return _ended(waiting, Task.STATE_CANCELLED, now, receipt=_empty_receipt(now))
        case Task.STATE_RUNNING:
            return _moved(_requested(row, reason, now), Task.STATE_CANCELLING)
        case Task.STATE_CANCELLING | Task.STATE_CANCELLED:
            return row
    raise TaskFinal(row.id)


def advance(row: TaskRow, progress: Progress, *, now: int) -> TaskRow:
    """Return `row` with what its worker says of how far it is."""
    return replace(row, progress_fraction=progress.fraction, progress_message=progress.message, progress_time=now)


def finish(
    row: TaskRow, fencing_token: int, outcome: Outcome, *, exit_code: int | None, progress: Progress | None, now: int
) -> TaskRow:
    """Return `row` as it stands after its worker's last report; unchanged if this token has reported before.

    The state the report is answered with is `finish_state` of the result.

    Raises:
        LeaseLost: `fencing_token` is not that of the live lease.
        InvalidArgument: it reports a cancel that nobody asked for.
    """
    if row.finish_token == fencing_token:
        return row
    reported = replace(held(row, fencing_token), exit_code=exit_code)
    if progress is not None:
        reported = advance(reported, progress, now=now)
    ended = _after(reported, outcome, now)
    return replace(ended, finish_token=fencing_token, finish_state=ended.state)


def release(row: TaskRow, fencing_token: int, *, now: int) -> TaskRow:
    """Return `row` waiting again, its attempt not counted; one that is being cancelled has ended.

    Raises:
        LeaseLost: `fencing_token` is not that of the live lease.
    """
    held(row, fencing_token)
    if row.state == Task.STATE_CANCELLING:
        return _ended(row, Task.STATE_CANCELLED, now, receipt=_empty_receipt(now))
    return _moved(row, Task.STATE_QUEUED, worker_id="", lease_expire_time=None)


def give_up(row: TaskRow, *, error_type: str, error_message: str, now: int) -> TaskRow:
    """Return `row`, which waits, failed: nobody is left who could do it."""
    if row.state != Task.STATE_QUEUED:
        raise AssertionError(f"only a Task that waits is given up, not one that is {Task.State.Name(row.state)}")
    return _ended(replace(row, error_type=error_type, error_message=error_message), Task.STATE_FAILED, now)


def expire(row: TaskRow, *, now: int) -> TaskRow:
    """Return `row`, whose lease has run out, as it stands without its worker.

    One that was being cancelled is cancelled without a receipt, because nobody can vouch for its end. Any other is
    tried again while attempts are left, else it has failed.
    """
    if row.state == Task.STATE_CANCELLING:
        return _ended(row, Task.STATE_CANCELLED, now)
    lost = Failed(WORKER_LOST, f"the worker on {row.worker_host or 'an unknown host'} was lost", retryable=True)
    return _after(row, lost, now)


def _after(row: TaskRow, outcome: Outcome, now: int) -> TaskRow:
    match outcome:
        case Succeeded(result=result):
            return _ended(row, Task.STATE_SUCCEEDED, now, result=result)
        case Cancelled(receipt=receipt, result=result):
            if row.state != Task.STATE_CANCELLING:
                raise InvalidArgument.field("cancelled", "must answer a request to cancel, and there was none")
            return _ended(row, Task.STATE_CANCELLED, now, receipt=receipt, result=result)
        case Failed() as failed:
            row = replace(row, error_type=failed.error_type, error_message=failed.error_message, result=failed.result)
            # What was asked to stop is never tried again.
            again = failed.retryable and row.attempt < row.max_attempts and row.state != Task.STATE_CANCELLING
            return _queued_again(row, failed, now) if again else _ended(row, Task.STATE_FAILED, now)


def _queued_again(row: TaskRow, failed: Failed, now: int) -> TaskRow:
    delay = failed.retry_delay_seconds
    if delay is None:
        delay = retry_delay_seconds(row.attempt)
    return _moved(
        row,
        Task.STATE_QUEUED,
        worker_id="",
        lease_expire_time=None,
        attempt=row.attempt + 1,
        not_before=now + round(delay * SECOND),
        start_time=None,
    )


def _requested(row: TaskRow, reason: str, now: int) -> TaskRow:
    return replace(row, cancel_time=now, cancel_reason=reason)


def _ended(row: TaskRow, state: State, now: int, **changes: object) -> TaskRow:
    return _moved(row, state, worker_id="", lease_expire_time=None, not_before=None, end_time=now, **changes)


def _moved(row: TaskRow, state: State, **changes: object) -> TaskRow:
    if state not in NEXT.get(row.state, frozenset()):
        raise AssertionError(f"no Task goes from {Task.State.Name(row.state)} to {Task.State.Name(state)}")
    return replace(row, state=state, **changes)  # type: ignore[arg-type]


def _empty_receipt(now: int) -> bytes:
    """Return the receipt of a Task that had no process when it ended."""
    return CancelReceipt(confirm_time=to_timestamp(now)).SerializeToString()
