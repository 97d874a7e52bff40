"""`switchyard fleet`: the robots that run jobs. `switchyard robot` is one of them."""

from enum import Enum
from typing import Annotated, Final

import typer

from server.cli.instants import SinceOption, to_timestamp
from server.cli.pages import pages
from server.cli.plain import enum_name, enum_names, enum_number, local_time, to_plain
from server.cli.session import Session, remote
from switchyard.orchestrator.v1 import fleet_service_pb2 as pb
from switchyard.orchestrator.v1 import metrics_service_pb2, robot_pb2, workflow_pb2

group = typer.Typer(name="fleet", help="The robots that run jobs.", no_args_is_help=True)

STATUS: Final = robot_pb2.Robot.Status.DESCRIPTOR
MODE: Final = workflow_pb2.ExecutionMode.DESCRIPTOR
EVENT: Final = metrics_service_pb2.ActivityEvent.Type.DESCRIPTOR
EventType = Enum("EventType", {name: name for name in enum_names(EVENT)}, type=str)  # type: ignore[misc]
RobotArgument = Annotated[str, typer.Argument(metavar="ROBOT", help="Id of the robot.")]


@remote(group, "list")
def list_robots(session: Session) -> None:
    """List the robots that are known, workers among them."""
    call = session.connection.fleet.ListRobots
    robots = [robot for page in pages(call, pb.ListRobotsRequest()) for robot in page.robots]
    rows = (
        (
            robot.robot_id,
            robot.hostname,
            f"{enum_name(STATUS, robot.status)}{', draining' if robot.draining else ''}",
            ", ".join(str(enum_name(MODE, mode)) for mode in robot.execution_modes),
            str(robot.max_jobs),
            robot.version,
            local_time(robot.last_heartbeat) if robot.HasField("last_heartbeat") else "",
        )
        for robot in robots
    )
    columns = ("ROBOT", "HOST", "STATUS", "MODES", "JOBS", "VERSION", "LAST HEARD OF")
    session.output.table([to_plain(robot) for robot in robots], columns, rows, empty="there are no robots")


@remote(group, "show")
def show(session: Session, robot_id: RobotArgument) -> None:
    """Show what a robot does, and what it has done today."""
    robot = session.connection.metrics.GetRobotMetrics(metrics_service_pb2.GetRobotMetricsRequest(robot_id=robot_id))
    facts = [
        ("Robot", robot.robot_id),
        ("Host", robot.hostname),
        ("Status", str(enum_name(STATUS, robot.status))),
        ("Job", robot.current_job_id),
        ("Processor", f"{robot.cpu_percent:.0f} %" if robot.HasField("cpu_percent") else ""),
        ("Memory", f"{robot.memory_mb:.0f} MB" if robot.HasField("memory_mb") else ""),
        ("Today", f"{robot.jobs_completed_today} completed, {robot.jobs_failed_today} failed"),
        ("Mean job", f"{robot.average_job_duration_seconds:.1f} s" if robot.jobs_completed_today else ""),
        ("Last heard of", local_time(robot.last_heartbeat) if robot.HasField("last_heartbeat") else ""),
    ]
    session.output.facts(to_plain(robot), facts)


@remote(group, "activity")
def activity(
    session: Session,
    event_type: Annotated[EventType | None, typer.Option("--type", help="Only this type.")] = None,
    since: SinceOption = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most so many.")] = 50,
) -> None:
    """List what has happened to robots and jobs, newest first."""
    request = metrics_service_pb2.ListActivityRequest(limit=limit, since=to_timestamp(since))
    if event_type is not None:
        request.event_type = enum_number(EVENT, event_type.value)  # type: ignore[assignment]
    answer = session.connection.metrics.ListActivity(request)
    rows = (
        (local_time(event.timestamp), str(enum_name(EVENT, event.type)), event.details, event.robot_id, event.job_id)
        for event in answer.events
    )
    columns = ("TIME", "TYPE", "DETAILS", "ROBOT", "JOB")
    session.output.table(to_plain(answer), columns, rows, empty="nothing has happened")


@remote(group, "drain")
def drain(session: Session, robot_id: RobotArgument) -> None:
    """Give a robot no further jobs; it finishes those it has."""
    robot = session.connection.fleet.DrainRobot(pb.DrainRobotRequest(robot_id=robot_id)).robot
    session.output.answer(to_plain(robot), f"{robot_id} gets no further jobs")


@remote(group, "resume")
def resume(session: Session, robot_id: RobotArgument) -> None:
    """Give a drained robot jobs again."""
    robot = session.connection.fleet.ResumeRobot(pb.ResumeRobotRequest(robot_id=robot_id)).robot
    session.output.answer(to_plain(robot), f"{robot_id} gets jobs again")


@remote(group, "enrol")
def enrol(
    session: Session,
    robot_id: Annotated[str | None, typer.Option("--id", metavar="ROBOT", help="Good for this robot only.")] = None,
    minutes: Annotated[int | None, typer.Option(min=1, max=10080, help="Good for so long. Without it: 60.")] = None,
    tenant: Annotated[str | None, typer.Option(help="The robot gets jobs of this owner only.")] = None,
) -> None:
    """Make a key with which one robot can enrol, see `switchyard robot --enrolment-key`."""
    request = pb.CreateEnrolmentRequest(robot_id=robot_id, expires_in_minutes=minutes, tenant_id=tenant)
    answer = session.connection.fleet.CreateEnrolment(request)
    session.output.answer(to_plain(answer), answer.enrolment_key)
    session.output.note(f"good for one robot until {local_time(answer.expires_at)}; it is not shown again")


@remote(group, "remove")
def remove(session: Session, robot_id: RobotArgument) -> None:
    """Forget a robot; its credential is void then."""
    answer = session.connection.fleet.DeleteRobot(pb.DeleteRobotRequest(robot_id=robot_id))
    session.output.answer(to_plain(answer), f"removed {robot_id}")
