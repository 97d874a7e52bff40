"""`switchyard schedule`: when workflows run by themselves."""

import json
from enum import Enum
from typing import Annotated, Final
from uuid import uuid4

import typer

from server.cli.assignments import to_tree
from server.cli.failures import CommandFailed, ExitCode
from server.cli.orchestrator.jobs import WaitOption, follow_to_end
from server.cli.orchestrator.run_workflow import VarOption
from server.cli.orchestrator.workflows import MODE, Mode, ModeOption, PriorityOption, WorkflowArgument
from server.cli.plain import enum_name, enum_names, enum_number, local_time, time_text, to_plain
from server.cli.request_id import RequestIdOption
from server.cli.session import Session, remote
from switchyard.orchestrator.v1 import schedule_pb2
from switchyard.orchestrator.v1 import schedule_service_pb2 as pb

group = typer.Typer(name="schedule", help="Schedules of workflows.", no_args_is_help=True)

CATCH_UP: Final = schedule_pb2.Schedule.CatchUpPolicy.DESCRIPTOR
OVERLAP: Final = schedule_pb2.Schedule.OverlapPolicy.DESCRIPTOR
STATUS: Final = schedule_pb2.Occurrence.Status.DESCRIPTOR
CatchUp = Enum("CatchUp", {name: name for name in enum_names(CATCH_UP)}, type=str)  # type: ignore[misc]
Status = Enum("Status", {name: name for name in enum_names(STATUS)}, type=str)  # type: ignore[misc]
Overlap = Enum("Overlap", {name: name for name in enum_names(OVERLAP)}, type=str)  # type: ignore[misc]

ScheduleArgument = Annotated[str, typer.Argument(metavar="SCHEDULE", help="Id of the schedule.")]
CatchUpOption = Annotated[CatchUp | None, typer.Option(help="What of the times that were missed.")]
OverlapOption = Annotated[Overlap | None, typer.Option(help="What when its last job is not over.")]
ZoneOption = Annotated[str, typer.Option("--timezone", metavar="ZONE", help="Its time zone. Without it: UTC.")]


@remote(group, "list")
def list_schedules(
    session: Session,
    workflow: Annotated[str, typer.Option(metavar="ID", help="Only of this workflow.")] = "",
    enabled: Annotated[bool | None, typer.Option(help="Only those that are, or are not.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 100,
    before: Annotated[str, typer.Option(metavar="SCHEDULE", help="Only schedules older than this one.")] = "",
) -> None:
    """List schedules, newest first."""
    request = pb.ListSchedulesRequest(workflow_id=workflow, enabled=enabled, limit=limit, before=before)
    schedules = session.connection.schedules.ListSchedules(request).schedules
    rows = (
        (
            schedule.schedule_id,
            schedule.schedule_name,
            schedule.cron_expression,
            schedule.timezone,
            "yes" if schedule.enabled else "no",
            local_time(schedule.next_run) if schedule.HasField("next_run") else "",
            str(schedule.run_count),
        )
        for schedule in schedules
    )
    columns = ("SCHEDULE", "NAME", "CRON", "TIME ZONE", "ENABLED", "NEXT RUN", "RUNS")
    session.output.table([to_plain(each) for each in schedules], columns, rows, empty="there are no schedules")


@remote(group, "add")
def add(
    session: Session,
    workflow_id: WorkflowArgument,
    cron: Annotated[str, typer.Argument(metavar="CRON", help="Five fields, for example '0 6 * * 1', or @daily.")],
    name: Annotated[str, typer.Option(help="Its name.")] = "schedule",
    timezone: ZoneOption = "",
    variables: VarOption = None,
    priority: PriorityOption = None,
    mode: ModeOption = None,
    catch_up: CatchUpOption = None,
    overlap: OverlapOption = None,
    disabled: Annotated[bool, typer.Option("--disabled", help="Do not begin yet.")] = False,
    request_id: RequestIdOption = None,
) -> None:
    """Let a workflow run by a schedule."""
    request = pb.CreateScheduleRequest(
        workflow_id=workflow_id,
        schedule_name=name,
        cron_expression=cron,
        timezone=timezone or None,
        variables=json.dumps(to_tree(variables or ())),
        priority=priority,
        enabled=not disabled,
        request_id=request_id or str(uuid4()),
    )
    put_choices(request, mode, catch_up, overlap)
    schedule = session.connection.schedules.CreateSchedule(request).schedule
    session.output.answer(to_plain(schedule), schedule.schedule_id)


def put_choices(
    request: pb.CreateScheduleRequest | pb.UpdateScheduleRequest,
    mode: Mode | None,
    catch_up: CatchUp | None,
    overlap: Overlap | None,
) -> None:
    """Put what was chosen into a request."""
    if mode is not None:
        request.execution_mode = enum_number(MODE, mode.value)  # type: ignore[assignment]
    if catch_up is not None:
        request.catch_up_policy = enum_number(CATCH_UP, catch_up.value)  # type: ignore[assignment]
    if overlap is not None:
        request.overlap_policy = enum_number(OVERLAP, overlap.value)  # type: ignore[assignment]


@remote(group, "show")
def show(session: Session, schedule_id: ScheduleArgument) -> None:
    """Show a schedule."""
    schedule = session.connection.schedules.GetSchedule(pb.GetScheduleRequest(schedule_id=schedule_id)).schedule
    facts = [
        ("Schedule", schedule.schedule_id),
        ("Name", schedule.schedule_name),
        ("Workflow", schedule.workflow_id),
        ("Cron", f"{schedule.cron_expression} ({schedule.timezone})"),
        ("Enabled", "yes" if schedule.enabled else "no"),
        ("Next run", local_time(schedule.next_run) if schedule.HasField("next_run") else ""),
        ("Last run", local_time(schedule.last_run) if schedule.HasField("last_run") else ""),
        ("Runs", f"{schedule.run_count}, {schedule.failure_count} failed"),
        ("Missed times", str(enum_name(CATCH_UP, schedule.catch_up_policy))),
        ("Overlap", str(enum_name(OVERLAP, schedule.overlap_policy))),
        ("Mode", str(enum_name(MODE, schedule.execution_mode))),
        ("Priority", str(schedule.priority)),
        ("Variables", schedule.variables),
    ]
    session.output.facts(to_plain(schedule), facts)


@remote(group, "update")
def update(
    session: Session,
    schedule_id: ScheduleArgument,
    cron: Annotated[str | None, typer.Option(metavar="CRON", help="When it fires from now on.")] = None,
    name: Annotated[str | None, typer.Option(help="Its new name.")] = None,
    timezone: Annotated[str | None, typer.Option(metavar="ZONE", help="Its new time zone.")] = None,
    variables: VarOption = None,
    priority: Annotated[int | None, typer.Option(min=0, max=20, help="0 goes first.")] = None,
    mode: ModeOption = None,
    catch_up: CatchUpOption = None,
    overlap: OverlapOption = None,
) -> None:
    """Change a schedule. Variables that are given take the place of all it has."""
    request = pb.UpdateScheduleRequest(
        schedule_id=schedule_id,
        schedule_name=name,
        cron_expression=cron,
        timezone=timezone,
        priority=priority,
        variables=json.dumps(to_tree(variables)) if variables else None,
    )
    put_choices(request, mode, catch_up, overlap)
    if request == pb.UpdateScheduleRequest(schedule_id=schedule_id):
        raise CommandFailed("nothing to change: see --help for what there is", ExitCode.USAGE)
    schedule = session.connection.schedules.UpdateSchedule(request).schedule
    next_run = f", next run {local_time(schedule.next_run)}" if schedule.HasField("next_run") else ""
    session.output.answer(to_plain(schedule), f"changed {schedule_id}{next_run}")


@remote(group, "occurrences")
def occurrences(
    session: Session,
    schedule_id: ScheduleArgument,
    status: Annotated[Status | None, typer.Option(help="Only this status.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    page_token: Annotated[str, typer.Option(metavar="TEXT", help="Asks for a further page.")] = "",
) -> None:
    """List what became of the times at which a schedule was to fire, newest first."""
    request = pb.ListOccurrencesRequest(schedule_id=schedule_id, page_size=limit, page_token=page_token)
    if status is not None:
        request.status = enum_number(STATUS, status.value)  # type: ignore[assignment]
    answer = session.connection.schedules.ListOccurrences(request)
    rows = (
        (local_time(one.fire_time), str(enum_name(STATUS, one.status)), one.job_id, one.reason)
        for one in answer.occurrences
    )
    columns = ("TIME", "STATUS", "JOB", "REASON")
    session.output.table(to_plain(answer), columns, rows, empty="it was never to fire yet")
    if answer.next_page_token:
        session.output.note(f"there are more: --page-token {answer.next_page_token}")


@remote(group, "remove")
def remove(session: Session, schedule_id: ScheduleArgument) -> None:
    """Delete a schedule."""
    answer = session.connection.schedules.DeleteSchedule(pb.DeleteScheduleRequest(schedule_id=schedule_id))
    session.output.answer(to_plain(answer), f"removed {schedule_id}")


@remote(group, "enable")
def enable(session: Session, schedule_id: ScheduleArgument) -> None:
    """Let a schedule begin, or begin again."""
    schedule = session.connection.schedules.EnableSchedule(pb.EnableScheduleRequest(schedule_id=schedule_id)).schedule
    session.output.answer(to_plain(schedule), f"enabled {schedule_id}, next run {local_time(schedule.next_run)}")


@remote(group, "disable")
def disable(session: Session, schedule_id: ScheduleArgument) -> None:
    """Let a schedule rest."""
    schedule = session.connection.schedules.DisableSchedule(pb.DisableScheduleRequest(schedule_id=schedule_id)).schedule
    session.output.answer(to_plain(schedule), f"disabled {schedule_id}")


@remote(group, "trigger")
def trigger(
    session: Session,
    schedule_id: ScheduleArgument,
    request_id: RequestIdOption = None,
    wait: WaitOption = False,
) -> None:
    """Queue a job of a schedule now. With --wait the exit code is 0 when it completed, else 1."""
    request = pb.TriggerScheduleRequest(schedule_id=schedule_id, request_id=request_id or str(uuid4()))
    answer = session.connection.schedules.TriggerSchedule(request)
    session.output.answer(to_plain(answer), answer.job_id)
    if wait:
        follow_to_end(session, answer.job_id)


@remote(group, "preview")
def preview(
    session: Session,
    schedule_id: Annotated[str, typer.Argument(metavar="[SCHEDULE]", help="Id of the schedule.")] = "",
    cron: Annotated[str, typer.Option(metavar="CRON", help="In place of a schedule: when this would fire.")] = "",
    timezone: ZoneOption = "",
    count: Annotated[int, typer.Option(min=1, max=1000, help="So many times.")] = 10,
) -> None:
    """List the next times at which a schedule fires, or a cron expression would."""
    if bool(schedule_id) == bool(cron):
        raise CommandFailed("give the id of a schedule or --cron", ExitCode.USAGE)
    request = pb.PreviewScheduleRequest(schedule_id=schedule_id, cron_expression=cron, timezone=timezone, count=count)
    answer = session.connection.schedules.PreviewSchedule(request)
    session.output.answer(to_plain(answer), *(time_text(fire_time) for fire_time in answer.fire_times))
