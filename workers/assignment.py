"""One claimed Task, from its claim to the answer to its last report.

What is special about a kind stands in its own module as a `Handler`; what is true of all stands here: the lease is
kept, a cancel is heard, the log is shipped, the end is reported, and a lost lease drops everything.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

import structlog
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from switchyard.tasks.v1 import task_pb2
from switchyard.tasks.v1 import worker_service_pb2 as pb
from workers.attempt_folder import attempt_folder
from workers.lease import Lease
from workers.log_shipper import LogShipper
from workers.progress_report import ProgressReport
from workers.server_link import LeaseLost, Refused, ServerLink

PayloadT = TypeVar("PayloadT", bound=Message)

# Why a Task is given back.
STOPPING: Final = "the worker stops"
# Holds log lines in the folder of an attempt while the server is away.
SPILL_FILE: Final = ".log-backlog"

log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a handler has to work with."""

    task: task_pb2.Task
    lease: Lease
    folder: Path  # of this attempt alone, empty
    link: ServerLink
    log: LogShipper
    progress: ProgressReport
    stopping: asyncio.Event  # set when the worker must end: give the Task back
    deadline: float  # end of the attempt, on the clock of the loop

    def payload(self, kind: type[PayloadT]) -> PayloadT:
        """Return the payload of the Task as a `kind`.

        Raises:
            PayloadUnknown: it is something else.
        """
        payload = kind()
        if not self.task.payload.Unpack(payload):
            raise PayloadUnknown(f"{self.task.payload.type_url} is not the payload of a {self.task.kind}")
        return payload


class PayloadUnknown(Exception):
    """Payload and kind of a Task do not fit; the server is newer than this worker, or at fault."""


# How work ended; the lease in it is filled in later.
Report: TypeAlias = pb.FinishTaskRequest | pb.ReleaseTaskRequest
# Does the work of one kind. May raise LeaseLost and Refused.
Handler: TypeAlias = Callable[[Assignment], Awaitable[Report]]


class Desk:
    """Carries Tasks through their handlers."""

    def __init__(self, link: ServerLink, handlers: Mapping[str, Handler], work_dir: Path) -> None:
        # Set when Tasks that are at work must end now and be given back.
        self.stopping = asyncio.Event()
        self._link = link
        self._handlers = handlers
        self._work_dir = work_dir

    async def perform(self, task: task_pb2.Task, lease_seconds: float) -> None:
        """Do one Task under its lease and report its end. Never raises on account of the Task."""
        with structlog.contextvars.bound_contextvars(task_id=task.id, kind=task.kind, attempt=task.attempt):
            try:
                async with self._assignment(task, lease_seconds) as assignment:
                    await self._carry_through(assignment)
            except* LeaseLost:
                log.warning("the lease was lost; the task is dropped")
            except* Refused as refusals:
                log.error(
                    "the server refused a report; the task is left to its lease", reasons=str(refusals.exceptions)
                )
            except* Exception:  # a fault of ours ends this Task, not the worker; its lease runs out
                log.exception("a task could not be carried through")

    async def _carry_through(self, assignment: Assignment) -> None:
        lease, link = assignment.lease, self._link
        async with asyncio.TaskGroup() as group:
            companions = [
                group.create_task(companion)
                for companion in (
                    lease.renew(link),
                    lease.watch_cancel(link),
                    assignment.log.ship(),
                    assignment.progress.report(),
                )
            ]
            report = await self._handle(assignment)
            await assignment.log.flush()
            # The report ends the lease; nobody must see it end before its answer is here.
            for companion in companions:
                companion.cancel()
        if isinstance(report, pb.ReleaseTaskRequest):
            report.lease.CopyFrom(lease.key)
            await link.call(link.tasks.ReleaseTask, report)
            log.info("task given back")
            return
        report.lease.CopyFrom(lease.key)
        if (unsent := assignment.progress.unsent()) is not None:
            report.progress.CopyFrom(unsent)
        response = await link.call(link.tasks.FinishTask, report)
        log.info("task ended", outcome=report.WhichOneof("outcome"), state=task_pb2.Task.State.Name(response.state))

    async def _handle(self, assignment: Assignment) -> Report:
        try:
            return await self._handlers[assignment.task.kind](assignment)
        except LeaseLost:
            raise
        except Refused as refusal:
            assignment.log.add("error", str(refusal))
            return failed(error_type(refusal), str(refusal))
        except Exception:  # the boundary of our own faults: the Task must not wait for its lease to run out
            log.exception("a handler failed")
            assignment.log.add("error", "The worker failed at this task; its own log says why.")
            return failed("WorkerFault", "the worker failed at this task", retryable=True)

    @asynccontextmanager
    async def _assignment(self, task: task_pb2.Task, lease_seconds: float) -> AsyncIterator[Assignment]:
        deadline = asyncio.get_running_loop().time() + task.attempt_timeout.ToTimedelta().total_seconds()
        lease = Lease(task, lease_seconds)
        async with attempt_folder(self._work_dir, task) as folder:
            shipper = LogShipper(partial(self._append_log, lease.key), folder / SPILL_FILE)
            progress = ProgressReport(partial(self._report_progress, lease.key))
            try:
                yield Assignment(task, lease, folder, self._link, shipper, progress, self.stopping, deadline)
            finally:
                shipper.close()

    async def _append_log(self, lease: pb.LeaseKey, first_sequence: int, lines: Sequence[task_pb2.LogLine]) -> None:
        request = pb.AppendLogRequest(lease=lease, first_sequence=first_sequence, lines=lines)
        await self._link.call(self._link.tasks.AppendLog, request)

    async def _report_progress(self, lease: pb.LeaseKey, progress: task_pb2.Progress) -> None:
        request = pb.ReportProgressRequest(lease=lease, progress=progress)
        await self._link.call(self._link.tasks.ReportProgress, request)


def error_type(refusal: Refused) -> str:
    """Return the short name a Task fails with when the server refuses a call: InvalidArgument, NotFound ..."""
    name = refusal.reason.removeprefix("ERROR_REASON_") or refusal.code.name
    return "".join(word.capitalize() for word in name.split("_"))


def without_process(handler: Handler) -> Handler:
    """Return `handler`, made to end at once when the Task is cancelled, out of time, or the worker stops.

    For work that has no process of its own: abandoning it is all there is to do.
    """

    async def interruptible(assignment: Assignment) -> Report:
        work = asyncio.ensure_future(handler(assignment))
        events = [asyncio.ensure_future(event.wait()) for event in (assignment.lease.cancelled, assignment.stopping)]
        seconds = assignment.deadline - asyncio.get_running_loop().time()
        try:
            await asyncio.wait([work, *events], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in [work, *events]:
                if not task.done():
                    task.cancel()
            await asyncio.wait([work, *events])
        if not work.cancelled():
            return work.result()
        if assignment.lease.cancelled.is_set():
            receipt = task_pb2.CancelReceipt()
            receipt.confirm_time.GetCurrentTime()
            return cancelled(receipt)
        if assignment.stopping.is_set():
            return pb.ReleaseTaskRequest(reason=STOPPING)
        return failed("Timeout", "the task took longer than its attempt_timeout")

    return interruptible


def succeeded(result: Message, *, exit_code: int | None = None) -> pb.FinishTaskRequest:
    """Return the report of a success."""
    return pb.FinishTaskRequest(success=pb.FinishTaskRequest.Success(result=_packed(result)), exit_code=exit_code)


def failed(
    error_type: str,
    message: str,
    *,
    retryable: bool = False,
    retry_delay_seconds: float | None = None,
    result: Message | None = None,
    exit_code: int | None = None,
) -> pb.FinishTaskRequest:
    """Return the report of a failure."""
    report = pb.FinishTaskRequest(
        failed=pb.FinishTaskRequest.Failed(
            error=task_pb2.Failure(type=error_type, message=message),
            retryable=retryable,
            result=None if result is None else _packed(result),
        ),
        exit_code=exit_code,
    )
    if retry_delay_seconds is not None:
        report.failed.retry_delay.CopyFrom(Duration(nanos=0, seconds=int(retry_delay_seconds)))
    return report


def cancelled(receipt: task_pb2.CancelReceipt, *, result: Message | None = None) -> pb.FinishTaskRequest:
    """Return the report of a Task that was stopped on request."""
    stopped = pb.FinishTaskRequest.Cancelled(receipt=receipt, result=None if result is None else _packed(result))
    exit_code = receipt.exit_code if receipt.HasField("exit_code") else None
    return pb.FinishTaskRequest(cancelled=stopped, exit_code=exit_code)


def _packed(message: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)
    return packed
