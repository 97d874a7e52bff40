"""Runs as the contract shows them: rows of the kernel in the words of bots. Pure."""

from collections.abc import Mapping
from typing import Final

from google.protobuf.any_pb2 import Any
from google.protobuf.timestamp_pb2 import Timestamp

from server.bots.instance_store import InstanceRow
from server.clock import to_timestamp
from server.tasks.task import TaskRow, to_progress
from switchyard.bots.v1 import bot_worker_service_pb2 as worker_pb
from switchyard.bots.v1 import run_pb2 as pb
from switchyard.tasks.v1 import task_pb2

Task = task_pb2.Task

# Total over the states of a Task.
STATUS: Final[Mapping[int, pb.RunStatus.ValueType]] = {
    Task.STATE_QUEUED: pb.RUN_STATUS_QUEUED,
    Task.STATE_RUNNING: pb.RUN_STATUS_RUNNING,
    Task.STATE_CANCELLING: pb.RUN_STATUS_RUNNING,
    Task.STATE_SUCCEEDED: pb.RUN_STATUS_SUCCESS,
    Task.STATE_FAILED: pb.RUN_STATUS_ERROR,
    Task.STATE_CANCELLED: pb.RUN_STATUS_STOPPED,
}

# Words of the published document.
WORDS: Final[Mapping[int, str]] = {
    pb.RUN_STATUS_QUEUED: "queued",
    pb.RUN_STATUS_RUNNING: "running",
    pb.RUN_STATUS_SUCCESS: "success",
    pb.RUN_STATUS_ERROR: "error",
    pb.RUN_STATUS_STOPPED: "stopped",
}


def artifacts_url(instance_id: str, run_id: str) -> str:
    """Return the path at which the files of a Run are listed."""
    return f"/api/bot-instances/{instance_id}/runs/{run_id}/artifacts"


def run(task: TaskRow, instance: InstanceRow, *, has_artifacts: bool) -> pb.Run:
    """Return a Run as lists show it."""
    shown = pb.Run()
    _fill(shown, task, instance, has_artifacts)
    return shown


def run_detail(task: TaskRow, instance: InstanceRow, *, has_artifacts: bool) -> pb.RunDetail:
    """Return a Run with everything there is to know."""
    shown = pb.RunDetail(
        instance_id=instance.id,
        error_message=task.error_message or None,
        attempt=task.attempt,
        max_attempts=task.max_attempts,
        priority=task.priority,
        stopping=task.state == Task.STATE_CANCELLING,
        progress=to_progress(task),
        receipt=None if task.receipt is None else task_pb2.CancelReceipt.FromString(task.receipt),
        log_line_count=task.log_line_count,
    )
    _fill(shown, task, instance, has_artifacts)
    return shown


def payload(task: TaskRow) -> worker_pb.RunBot:
    """Return what the Run was started with."""
    found = worker_pb.RunBot()
    Any.FromString(task.payload).Unpack(found)
    return found


def _fill(shown: pb.Run | pb.RunDetail, task: TaskRow, instance: InstanceRow, has_artifacts: bool) -> None:
    """Set the fields that both forms share."""
    started_with = payload(task)
    shown.id = task.id
    shown.org_id = instance.owner_id
    shown.bot_id = instance.bot_code
    shown.config_id = started_with.config_id
    if started_with.schedule_id:
        shown.schedule_id = started_with.schedule_id
    shown.status = STATUS[task.state]
    shown.image_ref = f"bot-{instance.bot_code}:latest"
    _set_time(shown.queued_at, task.create_time)
    _set_time(shown.started_at, task.start_time)
    _set_time(shown.finished_at, task.end_time)
    if task.worker_host:
        shown.worker_host = task.worker_host
    if task.exit_code is not None:
        shown.exit_code = task.exit_code
    if task.error_type:
        shown.error_code = task.error_type
    if has_artifacts:
        shown.artifacts_url = artifacts_url(instance.id, task.id)
    if task.cost_credits is not None:
        shown.cost_credits = task.cost_credits


def _set_time(shown: Timestamp, micros: int | None) -> None:
    if micros is not None:
        shown.CopyFrom(to_timestamp(micros))
