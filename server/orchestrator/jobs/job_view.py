"""Jobs as the contract shows them: rows of the kernel in the words of the orchestrator. Pure."""

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

from google.protobuf.any_pb2 import Any
from google.protobuf.timestamp_pb2 import Timestamp

from server.clock import SECOND, to_timestamp
from server.orchestrator.jobs.new_job import SUBJECT_PREFIX
from server.tasks.task import TaskRow
from switchyard.orchestrator.v1 import job_pb2 as pb
from switchyard.orchestrator.v1.job_worker_service_pb2 import RunWorkflow, WorkflowResult
from switchyard.orchestrator.v1.metrics_service_pb2 import ListJobsResponse
from switchyard.tasks.v1.task_pb2 import Task

Status: TypeAlias = pb.Job.Status.ValueType

# Total over the states of a Task.
STATUS: Final[Mapping[int, Status]] = {
    Task.STATE_QUEUED: pb.Job.STATUS_PENDING,
    Task.STATE_RUNNING: pb.Job.STATUS_CLAIMED,
    Task.STATE_CANCELLING: pb.Job.STATUS_CLAIMED,
    Task.STATE_SUCCEEDED: pb.Job.STATUS_COMPLETED,
    Task.STATE_FAILED: pb.Job.STATUS_FAILED,
    Task.STATE_CANCELLED: pb.Job.STATUS_CANCELLED,
}

EMPTY_OBJECT: Final = "{}"


class ListedJob(NamedTuple):
    """What lists show of a job, without its large columns. Times are micros, texts are empty where unset."""

    number: int
    id: str
    subject: str
    title: str
    last_worker_id: str
    state: int
    create_time: int
    start_time: int | None
    end_time: int | None


def workflow_id(subject: str) -> str:
    """Return the workflow of a job, given the subject of its Task."""
    return subject.removeprefix(SUBJECT_PREFIX)


def duration_ms(start_time: int | None, end_time: int | None) -> int | None:
    """Return whole milliseconds between two times in micros, 0 if the clock went back; None when one is missing."""
    if start_time is None or end_time is None:
        return None
    return max(0, end_time - start_time) // 1000


def payload(job: TaskRow) -> RunWorkflow:
    """Return what the job was queued with."""
    found = RunWorkflow()
    Any.FromString(job.payload).Unpack(found)
    return found


def result(job: TaskRow) -> WorkflowResult:
    """Return what came out, empty while nothing has."""
    found = WorkflowResult()
    if job.result is not None:
        Any.FromString(job.result).Unpack(found)
    return found


def add_listed(response: ListJobsResponse, job: ListedJob) -> None:
    """Add a job as lists show it."""
    # Lists are long: it is made in its place, and no field is touched that stays unset.
    shown = response.jobs.add(
        job_id=job.id,
        workflow_id=workflow_id(job.subject),
        workflow_name=job.title,
        robot_id=job.last_worker_id or None,
        status=STATUS[job.state],
        duration_ms=duration_ms(job.start_time, job.end_time),
    )
    set_time(shown.created_at, job.create_time)
    if job.end_time is not None:
        set_time(shown.completed_at, job.end_time)


def detail(job: TaskRow) -> pb.JobDetail:
    """Return a job with all that is known of it."""
    queued_with, came_out = payload(job), result(job)
    shown = pb.JobDetail(
        job_id=job.id,
        workflow_id=workflow_id(job.subject),
        workflow_name=job.title,
        robot_id=job.last_worker_id or None,
        status=STATUS[job.state],
        duration_ms=duration_ms(job.start_time, job.end_time),
        error_message=job.error_message or None,
        error_type=job.error_type or None,
        retry_count=job.attempt - 1,
        node_executions=came_out.node_executions,
        variables=came_out.variables or EMPTY_OBJECT,
        outputs=came_out.outputs or EMPTY_OBJECT,
        priority=job.priority,
        workflow_version=queued_with.version,
        trigger_type=queued_with.trigger_type,
    )
    if queued_with.schedule_id:
        shown.schedule_id = queued_with.schedule_id
    if queued_with.retry_of:
        shown.retry_of = queued_with.retry_of
    _set_times(shown, job)
    _set_progress(shown, job)
    return shown


def _set_times(shown: pb.JobDetail, job: TaskRow) -> None:
    set_time(shown.created_at, job.create_time)
    set_time(shown.claimed_at, job.start_time)
    set_time(shown.completed_at, job.end_time)
    set_time(shown.not_before, job.not_before)
    set_time(shown.cancel_requested_at, job.cancel_time)


def _set_progress(shown: pb.JobDetail, job: TaskRow) -> None:
    if job.progress_time is None:
        return
    shown.progress.message = job.progress_message
    shown.progress.updated_at.CopyFrom(to_timestamp(job.progress_time))
    if job.progress_fraction is not None:
        shown.progress.fraction = job.progress_fraction


def set_time(shown: Timestamp, micros: int | None) -> None:
    """Set a field that is a time, given in micros; None leaves it unset."""
    if micros is not None:
        # Lists hold thousands of them: half the time of a message of its own.
        shown.seconds, rest = divmod(micros, SECOND)
        shown.nanos = rest * 1_000
