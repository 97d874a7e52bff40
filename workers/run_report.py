"""How a run ended -> the report that ends its Task, and what telemetry is told of its browser."""

from google.protobuf.message import Message

from switchyard.tasks.v1 import task_pb2
from switchyard.tasks.v1 import worker_service_pb2 as pb
from workers.assignment import STOPPING, Assignment, Report, cancelled, failed, succeeded
from workers.browser_report import End
from workers.conversation import Conclusion, Reins


def reins_of(assignment: Assignment, grace_seconds: float) -> Reins:
    """Return what may end the run of a Task."""
    lease = assignment.lease
    return Reins(
        cancelled=lease.cancelled,
        stopping=assignment.stopping,
        deadline=assignment.deadline,
        grace_seconds=grace_seconds,
        cancel_reason=lambda: lease.cancel_reason,
    )


def not_begun(assignment: Assignment) -> Report | None:
    """Return the report of a run that was ended before it had a process; None when it may begin."""
    if assignment.lease.cancelled.is_set():
        assignment.log.add("info", "Stopped before it began.")
        receipt = task_pb2.CancelReceipt()
        receipt.confirm_time.GetCurrentTime()
        return cancelled(receipt)
    if assignment.stopping.is_set():
        return pb.ReleaseTaskRequest(reason=STOPPING)
    return None


def report_of(conclusion: Conclusion, result: Message | None) -> Report:
    """Return the report of a run; `result` is what came out, also of one that failed or was stopped."""
    if conclusion.state == "cancelled":
        return cancelled(conclusion.receipt, result=result)
    if conclusion.state == "released":
        return pb.ReleaseTaskRequest(reason=STOPPING)
    if conclusion.state == "succeeded" and result is not None:
        return succeeded(result, exit_code=conclusion.exit_code)
    return failed(
        conclusion.error_type,
        conclusion.error_message,
        retryable=conclusion.retryable,
        result=result,
        exit_code=conclusion.exit_code,
    )


def end_of_session(conclusion: Conclusion) -> End:
    """Return how the browser session of a run ended."""
    outcome = conclusion.outcome
    if outcome is not None and outcome.state != "cancelled":
        reason = f"{outcome.error_type}: {outcome.error_message}" if outcome.error_type else ""
        return End(outcome.state == "succeeded", reason)
    return End(False, conclusion.interruption or "the run process was lost")
