"""`switchyard env schedules`: when environments start and stop by the clock."""

from enum import Enum
from typing import Annotated, Final
from uuid import uuid4

import typer

from server.cli.environments.facts import EnvironmentArgument
from server.cli.plain import enum_name, enum_names, enum_number, local_time, to_plain
from server.cli.request_id import RequestIdOption
from server.cli.session import Session, remote
from switchyard.environments.v1 import environment_schedule_service_pb2 as pb

group = typer.Typer(name="schedules", help="When environments start and stop by the clock.", no_args_is_help=True)

ACTION: Final = pb.EnvironmentSchedule.Action.DESCRIPTOR
Action = Enum("Action", {name: name for name in enum_names(ACTION)}, type=str)  # type: ignore[misc]


@remote(group, "list")
def list_schedules(session: Session, environment_id: EnvironmentArgument) -> None:
    """List the schedules of an environment, oldest first."""
    request = pb.ListEnvironmentSchedulesRequest(environment_id=environment_id)
    answer = session.connection.environment_schedules.ListEnvironmentSchedules(request)
    rows = (
        (
            one.schedule_id,
            str(enum_name(ACTION, one.action)),
            one.cron_expression,
            one.timezone or "UTC",
            local_time(one.next_run) if one.HasField("next_run") else "",
            local_time(one.last_run) if one.HasField("last_run") else "",
        )
        for one in answer.schedules
    )
    columns = ("SCHEDULE", "ACTION", "CRON", "TIME ZONE", "NEXT RUN", "LAST RUN")
    session.output.table(to_plain(answer), columns, rows, empty="there are no schedules")


@remote(group, "add")
def add(
    session: Session,
    environment_id: EnvironmentArgument,
    action: Annotated[Action, typer.Argument(help="What is done.")],
    cron: Annotated[str, typer.Argument(metavar="CRON", help="Five fields, for example '0 8 * * 1-5', or @daily.")],
    timezone: Annotated[str, typer.Option(metavar="ZONE", help="Its time zone. Without it: UTC.")] = "",
    request_id: RequestIdOption = None,
) -> None:
    """Let an environment start, or stop, by a schedule."""
    request = pb.CreateEnvironmentScheduleRequest(
        environment_id=environment_id,
        action=enum_number(ACTION, action.value),  # type: ignore[arg-type]
        cron_expression=cron,
        timezone=timezone,
        request_id=request_id or str(uuid4()),
    )
    schedule = session.connection.environment_schedules.CreateEnvironmentSchedule(request).schedule
    session.output.answer(to_plain(schedule), schedule.schedule_id)


@remote(group, "remove")
def remove(
    session: Session,
    environment_id: EnvironmentArgument,
    schedule_id: Annotated[str, typer.Argument(metavar="SCHEDULE", help="Id of the schedule.")],
) -> None:
    """Delete a schedule."""
    request = pb.DeleteEnvironmentScheduleRequest(environment_id=environment_id, schedule_id=schedule_id)
    answer = session.connection.environment_schedules.DeleteEnvironmentSchedule(request)
    session.output.answer(to_plain(answer), f"removed {schedule_id}")
