"""What the feed of activity tells of jobs: hooks of the kernel, part of the transaction in which it happens."""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from server.orchestrator.jobs import job_view
from server.orchestrator.metrics import activity_store
from server.tasks.task import NewTask, TaskRow
from switchyard.orchestrator.v1.metrics_service_pb2 import ActivityEvent
from switchyard.tasks.v1.task_pb2 import Task

# A sentence for people; the whole message stands in the job.
DETAILS_CHARACTERS: Final = 500


def on_claim(connection: sa.Connection, job: TaskRow, now: int) -> None:
    """Tell that a robot has begun an attempt."""
    details = f"{job.title} started on {job.last_worker_id}"
    _add(connection, ActivityEvent.TYPE_JOB_STARTED, job, now, "Job started", details)


def on_final(connection: sa.Connection, job: TaskRow, now: int) -> Sequence[NewTask]:
    """Tell how a job ended."""
    match job.state:
        case Task.STATE_SUCCEEDED:
            details = f"{job.title} finished in {_seconds(job)}"
            _add(connection, ActivityEvent.TYPE_JOB_COMPLETED, job, now, "Job completed successfully", details)
        case Task.STATE_FAILED:
            details = f"{job.title} failed: {job.error_message or job.error_type}"
            _add(connection, ActivityEvent.TYPE_JOB_FAILED, job, now, "Job failed", details)
        case _:
            reason = f": {job.cancel_reason}" if job.cancel_reason else ""
            details = f"{job.title} was cancelled{reason}"
            _add(connection, ActivityEvent.TYPE_JOB_CANCELLED, job, now, "Job cancelled", details)
    return ()


def _add(
    connection: sa.Connection, kind: activity_store.Type, job: TaskRow, now: int, title: str, details: str
) -> None:
    activity_store.add(
        connection,
        kind,
        now=now,
        tenant=job.tenant,
        title=title,
        details=details[:DETAILS_CHARACTERS],
        robot_id=job.last_worker_id or None,
        job_id=job.id,
    )


def _seconds(job: TaskRow) -> str:
    """The duration as people read it: "90s", "0.4s"."""
    seconds = (job_view.duration_ms(job.start_time, job.end_time) or 0) / 1000
    return f"{seconds:.0f}s" if seconds >= 10 else f"{round(seconds, 1):g}s"
