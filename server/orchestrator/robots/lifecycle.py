"""What a robot does, and what becomes of a job it has lost. Pure: callers pass `now` (micros) in."""

from typing import Final

from server.clock import SECOND
from server.orchestrator.robots.robot import Status
from server.tasks.task import TaskRow
from switchyard.orchestrator.v1.robot_pb2 import Robot

# A robot is expected to be heard of this often.
HEARTBEAT_SECONDS: Final = 10
# One that was silent for this long is offline.
OFFLINE_SECONDS: Final = 60
# A job that was claimed so often without an end ends its robots, rather than being lost by chance.
GIVEN_BACK_CLAIMS: Final = 10


def silent_since(now: int) -> int:
    """Return the time before which robots that are offline at `now` were last heard of, that time included."""
    return now - OFFLINE_SECONDS * SECOND


def status(*, last_heartbeat: int, stopped: bool, job_count: int, now: int) -> Status:
    """Return what a robot does that has said that it ends (`stopped`) or not, and holds so many jobs."""
    if stopped or last_heartbeat <= silent_since(now):
        return Robot.STATUS_OFFLINE
    return Robot.STATUS_BUSY if job_count else Robot.STATUS_IDLE


def given_back(row: TaskRow) -> bool:
    """Whether a job, whose robot has begun a new life without it, waits again without its attempt being counted.

    One that was claimed again and again is lost instead, which counts.
    """
    return row.fencing_token < GIVEN_BACK_CLAIMS
