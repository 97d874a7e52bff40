"""`switchyard fleet`: the robots that run jobs. `switchyard robot` is one of them."""

from typing import Annotated, Final

import typer

from server.cli.plain import enum_name, local_time, to_plain
from server.cli.session import Session, remote
from switchyard.orchestrator.v1 import fleet_service_pb2 as pb
from switchyard.orchestrator.v1 import robot_pb2, workflow_pb2

group = typer.Typer(name="fleet", help="The robots that run jobs.", no_args_is_help=True)

STATUS: Final = robot_pb2.Robot.Status.DESCRIPTOR
MODE: Final = workflow_pb2.ExecutionMode.DESCRIPTOR
RobotArgument = Annotated[str, typer.Argument(metavar="ROBOT", help="Id of the robot.")]


@remote(group, "list")
def list_robots(session: Session) -> None:
    """List the robots that are known, workers among them."""
    robots: list[robot_pb2.RobotRegistration] = []
    request = pb.ListRobotsRequest()
    while True:
        page = session.connection.fleet.ListRobots(request)
        robots.extend(page.robots)
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
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
