"""`switchyard job`: the jobs of workflows, their logs and what they leave."""

from collections.abc import Iterator
from enum import Enum
from typing import Annotated, Final
from uuid import uuid4

import typer

from server.cli.artifacts import DownloadOption, fetch, show_artifacts
from server.cli.failures import CommandFailed
from server.cli.live_log import line_text, show_end, show_line, unbroken
from server.cli.plain import enum_name, enum_names, enum_number, local_time, to_plain
from server.cli.request_id import RequestIdOption
from server.cli.session import Session, remote
from switchyard.orchestrator.v1 import job_pb2, metrics_service_pb2
from switchyard.orchestrator.v1 import job_service_pb2 as pb
from switchyard.tasks.v1 import task_pb2

group = typer.Typer(name="job", help="Jobs of workflows.", no_args_is_help=True)

STATUS: Final = job_pb2.Job.Status.DESCRIPTOR
EXECUTION_STATUS: Final = job_pb2.NodeExecution.Status.DESCRIPTOR
Status = Enum("Status", {name: name for name in enum_names(STATUS)}, type=str)  # type: ignore[misc]
LOG_PAGE_LINES: Final = 5000

JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="Id of the job.")]
WaitOption = Annotated[bool, typer.Option("--wait", help="Show its log and wait for its end.")]


@remote(group, "list")
def list_jobs(
    session: Session,
    status: Annotated[Status | None, typer.Option(help="Only this status.")] = None,
    workflow: Annotated[str, typer.Option(metavar="ID", help="Only of this workflow.")] = "",
    robot: Annotated[str, typer.Option(metavar="ID", help="Only on this robot.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many.")] = 50,
    before: Annotated[str, typer.Option(metavar="JOB", help="Only jobs older than this one.")] = "",
) -> None:
    """List jobs, newest first."""
    request = metrics_service_pb2.ListJobsRequest(workflow_id=workflow, robot_id=robot, limit=limit, before=before)
    if status is not None:
        request.status = enum_number(STATUS, status.value)  # type: ignore[assignment]
    jobs = session.connection.metrics.ListJobs(request).jobs
    rows = (
        (
            job.job_id,
            job.workflow_name,
            str(enum_name(STATUS, job.status)),
            job.robot_id,
            local_time(job.created_at),
            duration_text(job),
        )
        for job in jobs
    )
    columns = ("JOB", "WORKFLOW", "STATUS", "ROBOT", "CREATED", "TOOK")
    session.output.table([to_plain(job) for job in jobs], columns, rows, empty="there are no jobs")


@remote(group, "show")
def show(session: Session, job_id: JobArgument) -> None:
    """Show a job: how it went, node by node, and what it left."""
    job = get_job(session, job_id)
    facts = [
        ("Job", job.job_id),
        ("Workflow", f"{job.workflow_name} ({job.workflow_id}), version {job.workflow_version}"),
        ("Status", str(enum_name(STATUS, job.status))),
        ("Progress", job.progress.message),
        ("Robot", job.robot_id),
        ("Retries", str(job.retry_count) if job.retry_count else ""),
        ("Created", local_time(job.created_at)),
        ("Took", duration_text(job)),
        ("Error", f"{job.error_type}: {job.error_message}" if job.error_type else ""),
        ("Variables", job.variables),
    ]
    plain = to_plain(job)
    session.output.facts(plain, facts)
    if not session.output.as_json and job.node_executions:
        show_executions(session, job)


def show_executions(session: Session, job: job_pb2.JobDetail) -> None:
    """Print what was executed, in order."""
    rows = (
        (
            str(enum_name(EXECUTION_STATUS, execution.status)),
            f"{execution.node_id}[{execution.index}]" if execution.index else execution.node_id,
            execution.node_type,
            f"{execution.duration_ms} ms",
            execution.error_message,
        )
        for execution in job.node_executions
    )
    session.output.table(None, ("", "NODE", "TYPE", "TOOK", "ERROR"), rows, empty="")


def duration_text(job: job_pb2.Job | job_pb2.JobDetail) -> str:
    """Return how long the job worked; empty before its end."""
    return f"{job.duration_ms / 1000:.1f} s" if job.HasField("duration_ms") else ""


@remote(group, "logs")
def logs(
    session: Session,
    job_id: JobArgument,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for new lines until the job ends.")] = False,
    after: Annotated[str, typer.Option(metavar="CURSOR", help="Only lines behind this cursor.")] = "",
) -> None:
    """Print the log of a job; with -f live, also across a restart of the server."""
    if follow:
        end = show_live(session, pb.WatchJobLogsRequest(job_id=job_id, after=after))
        session.output.note(f"job {job_id} ended: {enum_name(STATUS, end.status)}")
        return
    for line in stored_lines(session, job_id, after=after):
        show_line(session.output, to_plain(line), line_text(line), line)


def stored_lines(session: Session, job_id: str, *, after: str) -> Iterator[task_pb2.LogLine]:
    """Yield the lines of a job behind `after`, as far as they are stored, page by page."""
    request = pb.ListJobLogsRequest(job_id=job_id, after=after, limit=LOG_PAGE_LINES)
    while True:
        page = session.connection.jobs.ListJobLogs(request)
        yield from page.lines
        if not page.HasField("next_cursor"):
            return
        request.after = page.next_cursor


def show_live(session: Session, request: pb.WatchJobLogsRequest) -> pb.WatchJobLogsResponse.End:
    """Print lines as they come until the job ends; come back behind the last one when the connection breaks."""
    for message in unbroken(session, session.connection.jobs.WatchJobLogs, request):
        for line in message.lines:
            show_line(session.output, to_plain(line), line_text(line), line)
            request.after = line.cursor
        if message.HasField("end"):
            show_end(session.output, message.end)
            return message.end
    raise AssertionError("an unbroken stream goes on until its end")


def follow_to_end(session: Session, job_id: str) -> None:
    """Show the log of a job until its end, and say how it ended.

    Raises:
        CommandFailed: it did not complete.
    """
    end = show_live(session, pb.WatchJobLogsRequest(job_id=job_id))
    if end.status == job_pb2.Job.STATUS_COMPLETED:
        session.output.note(f"job {job_id} completed")
        return
    job = get_job(session, job_id)
    reason = f": {job.error_type}: {job.error_message}" if job.error_type else ""
    raise CommandFailed(f"job {job_id} {enum_name(STATUS, end.status)}{reason}")


@remote(group, "cancel")
def cancel(
    session: Session,
    job_id: JobArgument,
    reason: Annotated[str, typer.Option(help="Why, for the log.")] = "",
) -> None:
    """Stop a job that waits or runs."""
    answer = session.connection.jobs.CancelJob(pb.CancelJobRequest(job_id=job_id, reason=reason))
    session.output.answer(to_plain(answer), f"job {job_id} is {enum_name(STATUS, answer.status)}")


@remote(group, "retry")
def retry(session: Session, job_id: JobArgument, request_id: RequestIdOption = None, wait: WaitOption = False) -> None:
    """Queue a job that failed or was cancelled once more. With --wait the exit code is 0 when it completed, else 1."""
    request = pb.RetryJobRequest(job_id=job_id, request_id=request_id or str(uuid4()))
    answer = session.connection.jobs.RetryJob(request)
    session.output.answer(to_plain(answer), answer.job_id)
    if wait:
        follow_to_end(session, answer.job_id)


@remote(group, "explain")
def explain(session: Session, job_id: JobArgument) -> None:
    """Say why a job waits, and for whom."""
    answer = session.connection.jobs.ExplainJob(pb.ExplainJobRequest(job_id=job_id))
    facts = [
        ("Job", f"{job_id} is {enum_name(STATUS, answer.status)}"),
        ("", answer.summary),
        *(("Cause", cause.message) for cause in answer.causes),
        ("Ahead", str(answer.jobs_ahead) if answer.jobs_ahead else ""),
        *((f"Robot {one.robot_id}", "available" if one.available else one.reason) for one in answer.robots),
    ]
    session.output.facts(to_plain(answer), facts)


@remote(group, "artifacts")
def artifacts(session: Session, job_id: JobArgument, download: DownloadOption = None) -> None:
    """List the files a job left: screenshots, downloads, traces."""
    jobs = session.connection.jobs
    answer = jobs.ListJobArtifacts(pb.ListJobArtifactsRequest(job_id=job_id))
    if download is not None:
        for artifact in answer.artifacts:
            request = pb.DownloadJobArtifactRequest(job_id=job_id, name=artifact.name)
            fetch(session.output, jobs.DownloadJobArtifact(request), artifact, download)
    show_artifacts(session.output, to_plain(answer), answer.artifacts)


def get_job(session: Session, job_id: str) -> job_pb2.JobDetail:
    """Read one job."""
    return session.connection.metrics.GetJob(metrics_service_pb2.GetJobRequest(job_id=job_id)).job
