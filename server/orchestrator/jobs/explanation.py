"""Why a job waits: until when, behind whom, for which robots. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from server.clock import SECOND, to_timestamp
from server.orchestrator.jobs import job_view
from server.orchestrator.jobs.new_job import LAN_KIND
from server.orchestrator.robots.robot import RobotRow
from server.tasks.task import TaskRow
from switchyard.orchestrator.v1 import job_service_pb2 as pb
from switchyard.orchestrator.v1 import robot_pb2
from switchyard.tasks.v1.task_pb2 import Task

Cause = pb.ExplainJobResponse.Cause
Candidate = pb.ExplainJobResponse.Candidate

# Source: the comment of `ExplainJobResponse.robots`.
MOST_ROBOTS: Final = 100
WORDS: Final = {
    Task.STATE_RUNNING: "a robot has it",
    Task.STATE_CANCELLING: "a robot has it and is to stop it",
    Task.STATE_SUCCEEDED: "it has completed",
    Task.STATE_FAILED: "it has failed",
    Task.STATE_CANCELLED: "it was cancelled",
}


def explain(
    job: TaskRow, robots: Sequence[RobotRow], *, ahead: int, now: int, tenant_id: str | None
) -> pb.ExplainJobResponse:
    """Return what keeps `job` waiting at `now`.

    Args:
        job: a job in any state.
        robots: all robots there are.
        ahead: jobs for the same robots that are due and go first.
        tenant_id: whose eyes this is for; robots and jobs of others are not named. None names all.
    """
    response = pb.ExplainJobResponse(job_id=job.id, status=job_view.STATUS[job.state])
    if job.state != Task.STATE_QUEUED:
        response.summary = f"The job does not wait: {WORDS[job.state]}."
        return response
    takers = [robot for robot in robots if job.kind in robot.kinds and robot.tenant in ("", job.tenant)]
    response.waiting_since.CopyFrom(to_timestamp(job.create_time))
    response.jobs_ahead = ahead
    response.causes.extend(_causes(job, takers, ahead=ahead, now=now))
    shown = [_candidate(robot, tenant_id) for robot in takers]
    response.robots.extend(sorted(shown, key=lambda one: (not one.available, one.robot_id))[:MOST_ROBOTS])
    response.summary = response.causes[0].message if response.causes else "A robot is free and takes the job now."
    return response


def _causes(job: TaskRow, takers: Sequence[RobotRow], *, ahead: int, now: int) -> list[Cause]:
    causes = []
    since = to_timestamp(job.create_time)
    if job.not_before is not None and job.not_before > now:
        message = f"Attempt {job.attempt} of {job.max_attempts} begins at {_time(job.not_before)} at the earliest."
        causes.append(Cause(kind=Cause.KIND_NOT_DUE, message=message, since=since))
    there = [robot for robot in takers if robot.status != robot_pb2.Robot.STATUS_OFFLINE]
    if not there:
        causes.append(_nobody(job, takers))
    elif not any(map(_available, there)):
        causes.append(Cause(kind=Cause.KIND_ROBOTS_BUSY, message=_busy(takers), since=since))
    if ahead:
        goes = "1 job goes first." if ahead == 1 else f"{ahead} jobs go first."
        causes.append(Cause(kind=Cause.KIND_QUEUE, message=goes, since=since))
    return causes


def _nobody(job: TaskRow, takers: Sequence[RobotRow]) -> Cause:
    """Nobody is there: since the last one was heard of, or for as long as the job waits."""
    mode = "lan" if job.kind == LAN_KIND else "internet"
    known = f" ({_busy(takers)[:-1]})" if takers else ""
    since = max([job.create_time, *(robot.last_heartbeat for robot in takers)])
    message = f"No robot that takes execution mode {mode} is there{known}."
    return Cause(kind=Cause.KIND_NO_ROBOT, message=message, since=to_timestamp(since))


def _busy(robots: Sequence[RobotRow]) -> str:
    """Name the robots that take no job, the first ten of them."""
    named = [f"{robot.id} is {_reason(robot, show_job=False)}" for robot in robots[:10]]
    more = f" and {len(robots) - 10} more" if len(robots) > 10 else ""
    return f"{', '.join(named)}{more}."


def _available(robot: RobotRow) -> bool:
    there = robot.status != robot_pb2.Robot.STATUS_OFFLINE
    return there and not robot.draining and robot.job_count < robot.max_jobs


def _candidate(robot: RobotRow, tenant_id: str | None) -> Candidate:
    show_job = tenant_id is None or robot.tenant == tenant_id
    return Candidate(robot_id=robot.id, available=_available(robot), reason=_reason(robot, show_job=show_job))


def _reason(robot: RobotRow, *, show_job: bool) -> str:
    if robot.status == robot_pb2.Robot.STATUS_OFFLINE:
        return f"offline since {_time(robot.last_heartbeat)}"
    if robot.draining:
        return "draining"
    if robot.job_count:
        return f"busy with {robot.current_job_id}" if show_job else "busy"
    return "idle"


def _time(micros: int) -> str:
    return datetime.fromtimestamp(micros // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
