"""`switchyard bots` start, stop, logs, runs, artifacts: the runs of an instance and what they leave."""

import time
from collections.abc import Iterator
from typing import Annotated, Final
from uuid import uuid4

import typer

from server.cli.artifacts import DownloadOption, fetch, show_artifacts
from server.cli.assignments import to_struct
from server.cli.bots.instances import RUN_STATUS, InstanceArgument, ParamOption
from server.cli.failures import CommandFailed, ExitCode
from server.cli.live_log import line_text, show_end, show_line, unbroken
from server.cli.output import Output
from server.cli.plain import enum_name, local_time, to_plain
from server.cli.request_id import RequestIdOption
from server.cli.session import Session, remote
from switchyard.bots.v1 import run_pb2
from switchyard.bots.v1 import run_service_pb2 as pb
from switchyard.tasks.v1 import task_pb2

group = typer.Typer()

FINAL: Final = frozenset({run_pb2.RUN_STATUS_SUCCESS, run_pb2.RUN_STATUS_ERROR, run_pb2.RUN_STATUS_STOPPED})
# A run gets 10 s to end and is killed then.
STOP_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 0.2
LOG_PAGE_LINES: Final = 5000

RunOption = Annotated[str | None, typer.Option("--run", metavar="RUN", help="Id of the run. Without it: the newest.")]


@remote(group, "start")
def start(
    session: Session,
    instance_id: InstanceArgument,
    param: ParamOption = None,
    timeout_seconds: Annotated[int | None, typer.Option(min=1, max=86400, help="Time allowed for one attempt.")] = None,
    priority: Annotated[int | None, typer.Option(min=0, max=20, help="0 goes first. Without it: 10.")] = None,
    max_attempts: Annotated[int | None, typer.Option(min=1, max=10, help="Tries when a worker is lost.")] = None,
    request_id: RequestIdOption = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Show its log and wait for its end.")] = False,
) -> None:
    """Start a run. With --follow the exit code is 0 for success and 1 for error or stopped."""
    request = pb.StartRunRequest(id=instance_id, params=to_struct(param or ()), request_id=request_id or str(uuid4()))
    if timeout_seconds is not None:
        request.timeout_seconds = timeout_seconds
    if priority is not None:
        request.priority = priority
    if max_attempts is not None:
        request.max_attempts = max_attempts
    started = session.connection.runs.StartRun(request)
    session.output.answer(to_plain(started), started.run_id)
    if follow:
        end = show_live(session, pb.WatchLogsRequest(id=instance_id, run_id=started.run_id))
        expect_success(session, instance_id, end)


@remote(group, "stop")
def stop(
    session: Session,
    instance_id: InstanceArgument,
    wait: Annotated[bool, typer.Option(help="Wait until the run has really ended.")] = True,
) -> None:
    """Stop the active run. Done as well when nothing runs."""
    active = newest_run(session, instance_id)
    answer = session.connection.runs.StopRun(pb.StopRunRequest(id=instance_id))
    if active is None or active.status in FINAL:
        session.output.answer(to_plain(answer), "nothing was running")
        return
    if not wait:
        session.output.answer(to_plain(answer), f"asked run {active.id} to stop")
        return
    with session.output.waiting(f"stopping run {active.id}"):
        run = await_end(session, instance_id, active.id)
    session.output.answer(to_plain(run), f"run {run.id} ended: {enum_name(RUN_STATUS, run.status)}")


def await_end(session: Session, instance_id: str, run_id: str) -> run_pb2.RunDetail:
    """Return the run once it is final.

    Raises:
        CommandFailed: it is not after STOP_SECONDS.
    """
    limit = time.monotonic() + STOP_SECONDS
    while True:
        run = get_run(session, instance_id, run_id)
        if run.status in FINAL:
            return run
        if time.monotonic() > limit:
            raise CommandFailed(f"run {run_id} has not ended after {STOP_SECONDS:.0f} s; is its worker alive?")
        time.sleep(LOOK_SECONDS)


@remote(group, "logs")
def logs(
    session: Session,
    instance_id: InstanceArgument,
    run_id: RunOption = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for new lines until the run ends.")] = False,
    after: Annotated[str, typer.Option(metavar="CURSOR", help="Only lines behind this cursor.")] = "",
) -> None:
    """Print the log of a run; with -f live, also across a restart of the server."""
    if follow:
        end = show_live(session, pb.WatchLogsRequest(id=instance_id, run_id=run_id or "", after=after))
        session.output.note(f"run {end.run_id} ended: {end.text}")
        return
    chosen = run_id or require_newest(session, instance_id).id
    for line in stored_lines(session, instance_id, chosen, after=after):
        show_line(session.output, to_plain(line), line_text(line), line)


def stored_lines(session: Session, instance_id: str, run_id: str, *, after: str) -> Iterator[task_pb2.LogLine]:
    """Yield the lines of a run behind `after`, as far as they are stored, page by page."""
    request = pb.ListRunLogsRequest(id=instance_id, run_id=run_id, after=after, limit=LOG_PAGE_LINES)
    while True:
        page = session.connection.runs.ListRunLogs(request)
        yield from page.lines
        if not page.HasField("next_cursor"):
            return
        request.after = page.next_cursor


def show_live(session: Session, request: pb.WatchLogsRequest) -> pb.WatchLogsResponse.End:
    """Print lines as they come until the run ends; come back behind the last one when the connection breaks."""
    for message in unbroken(session, session.connection.runs.WatchLogs, request):
        for line in message.lines:
            show_watched(session.output, line)
            request.after = line.cursor or request.after
        if message.HasField("end"):
            show_end(session.output, message.end)
            return message.end
    raise AssertionError("an unbroken stream goes on until its end")


def show_watched(output: Output, line: pb.WatchLogsResponse.Line) -> None:
    """Print one line of a stream; for programs only those that belong to the log."""
    if line.HasField("line"):
        show_line(output, {"cursor": line.cursor, **to_plain(line.line)}, line.text, line.line)
    else:
        output.note(line.text)


def expect_success(session: Session, instance_id: str, end: pb.WatchLogsResponse.End) -> None:
    """Say how the run ended.

    Raises:
        CommandFailed: not in success.
    """
    if end.status == run_pb2.RUN_STATUS_SUCCESS:
        session.output.note(f"run {end.run_id} ended: {end.text}")
        return
    run = get_run(session, instance_id, end.run_id)
    reason = f": {run.error_code}: {run.error_message}" if run.HasField("error_code") else ""
    raise CommandFailed(f"run {run.id} ended: {end.text}{reason}")


@remote(group, "runs")
def runs(
    session: Session,
    instance_id: InstanceArgument,
    run_id: Annotated[str | None, typer.Argument(metavar="RUN", help="Show this one in detail.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 20,
    before: Annotated[str, typer.Option(metavar="RUN", help="Only runs older than this one.")] = "",
) -> None:
    """List the runs of an instance, newest first, or show one."""
    if run_id:
        show_run(session.output, get_run(session, instance_id, run_id))
        return
    answer = session.connection.runs.ListRuns(pb.ListRunsRequest(id=instance_id, limit=limit, before=before))
    rows = (
        (
            run.id,
            str(enum_name(RUN_STATUS, run.status)),
            local_time(run.queued_at),
            duration_text(run),
            run.error_code,
            run.worker_host,
        )
        for run in answer.runs
    )
    columns = ("RUN", "STATUS", "QUEUED", "TOOK", "ERROR", "WORKER")
    session.output.table([to_plain(run) for run in answer.runs], columns, rows, empty="there are no runs")


def show_run(output: Output, run: run_pb2.RunDetail) -> None:
    """Print one run in detail."""
    facts = [
        ("Run", run.id),
        ("Status", f"{enum_name(RUN_STATUS, run.status)}{', stopping' if run.stopping else ''}"),
        ("Attempt", f"{run.attempt} of {run.max_attempts}"),
        ("Queued", local_time(run.queued_at)),
        ("Took", duration_text(run)),
        ("Worker", run.worker_host),
        ("Progress", run.progress.message),
        ("Exit code", str(run.exit_code) if run.HasField("exit_code") else ""),
        ("Error", f"{run.error_code}: {run.error_message}" if run.error_code else ""),
        ("Log lines", str(run.log_line_count)),
        ("Artifacts", run.artifacts_url),
    ]
    output.facts(to_plain(run), facts)


def duration_text(run: run_pb2.Run | run_pb2.RunDetail) -> str:
    """Return how long the run worked; empty before it began."""
    if not run.HasField("started_at"):
        return ""
    end = run.finished_at.ToNanoseconds() if run.HasField("finished_at") else time.time_ns()
    return f"{max(0.0, (end - run.started_at.ToNanoseconds()) / 1e9):.1f} s"


@remote(group, "artifacts")
def artifacts(
    session: Session,
    instance_id: InstanceArgument,
    run_id: RunOption = None,
    download: DownloadOption = None,
) -> None:
    """List the files a run left: screenshots, downloads, traces, its result."""
    chosen = run_id or require_newest(session, instance_id).id
    answer = session.connection.runs.ListArtifacts(pb.ListArtifactsRequest(id=instance_id, run_id=chosen))
    if download is not None:
        for artifact in answer.artifacts:
            request = pb.DownloadArtifactRequest(id=instance_id, run_id=chosen, name=artifact.name)
            fetch(session.output, session.connection.runs.DownloadArtifact(request), artifact, download)
    show_artifacts(session.output, to_plain(answer), answer.artifacts)


def get_run(session: Session, instance_id: str, run_id: str) -> run_pb2.RunDetail:
    """Read one run."""
    return session.connection.runs.GetRun(pb.GetRunRequest(id=instance_id, run_id=run_id)).run


def newest_run(session: Session, instance_id: str) -> run_pb2.Run | None:
    """Return the newest run of an instance; None when there is none."""
    found = session.connection.runs.ListRuns(pb.ListRunsRequest(id=instance_id, limit=1)).runs
    return found[0] if found else None


def require_newest(session: Session, instance_id: str) -> run_pb2.Run:
    """Return the newest run of an instance.

    Raises:
        CommandFailed: there is none.
    """
    run = newest_run(session, instance_id)
    if run is None:
        raise CommandFailed(f"{instance_id} has no runs yet", ExitCode.NOT_FOUND)
    return run
