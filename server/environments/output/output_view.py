"""What environments print, and how that ends, as the contract shows it. Pure."""

from google.protobuf.any_pb2 import Any as AnyMessage

from server.clock import to_timestamp
from server.tasks.log_hub import LogBatch
from server.tasks.task import TaskRow
from switchyard.environments.v1.output_service_pb2 import OutputEnd, OutputLine
from switchyard.environments.v1.provisioning_service_pb2 import ReadEnvironmentResult
from switchyard.tasks.v1.task_pb2 import Task


def lines(batch: LogBatch) -> list[OutputLine]:
    """Return the lines of a batch."""
    return [OutputLine(seq=line.seq, timestamp=to_timestamp(line.time), text=line.message) for line in batch.lines]


def end(task: TaskRow) -> OutputEnd:
    """Return how a Task that is final has ended, and if not by itself, why."""
    if task.state == Task.STATE_SUCCEEDED:
        result = ReadEnvironmentResult()
        AnyMessage.FromString(task.result or b"").Unpack(result)
        return OutputEnd(exit_code=result.exit_code if result.HasField("exit_code") else None)
    if task.state == Task.STATE_CANCELLED:
        return OutputEnd(error=task.cancel_reason or "it was cancelled")
    if task.error_type == "Timeout":
        return OutputEnd(error=f"it was ended after {task.attempt_timeout_seconds} s")
    return OutputEnd(error=task.error_message)
