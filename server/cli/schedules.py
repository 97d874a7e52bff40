"""`switchyard schedule`: when workflows run by themselves."""

import json
from enum import Enum
from typing import Annotated, Final
from uuid import uuid4

import typer

from server.cli.assignments import to_tree
from server.cli.bots import RequestIdOption
from server.cli.failures import CommandFailed, ExitCode
from server.cli.jobs import WaitOption, follow_to_end
from server.cli.plain import enum_names, enum_number, local_time, time_text, to_plain
from server.cli.run_workflow import VarOption
from server.cli.session import Session, remote
from server.cli.workflows import MODE, ModeOption, PriorityOption, WorkflowArgument
from switchyard.orchestrator.v1 import schedule_pb2
from switchyard.orchestrator.v1 import schedule_service_pb2 as pb

group = typer.Typer(name="schedule", help="Schedules of workflows.", no_args_is_help=True)

CATCH_UP: Final = schedule_pb2.Schedule.CatchUpPolicy.DESCRIPTOR
OVERLAP: Final = schedule_pb2.Schedule.OverlapPolicy.DESCRIPTOR
CatchUp = Enum("CatchUp", {name: name for name in enum_names(CATCH_UP)}, type=str)  # type: ignore[misc]
Overlap = Enum("Overlap", {name: name for name in enum_names(OVERLAP)}, type=str)  # type: ignore[misc]

ScheduleArgument = Annotated[str, typer.Argument(metavar="SCHEDULE", help="Id of the schedule.")]
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
    catch_up: Annotated[CatchUp | None, typer.Option(help="What of the times that were missed.")] = None,
    overlap: Annotated[Overlap | None, typer.Option(help="What when its last job is not over.")] = None,
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
    if mode is not None:
        request.execution_mode = enum_number(MODE, mode.value)  # type: ignore[assignment]
    if catch_up is not None:
        request.catch_up_policy = enum_number(CATCH_UP, catch_up.value)  # type: ignore[assignment]
    if overlap is not None:
        request.overlap_policy = enum_number(OVERLAP, overlap.value)  # type: ignore[assignment]
    schedule = session.connection.schedules.CreateSchedule(request).schedule
    session.output.answer(to_plain(schedule), schedule.schedule_id)


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
