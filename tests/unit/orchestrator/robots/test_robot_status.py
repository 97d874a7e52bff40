"""What a robot does, told from its last heartbeat and its jobs."""

import pytest

from server.clock import SECOND
from server.orchestrator.robots import lifecycle
from switchyard.orchestrator.v1.robot_pb2 import Robot

NOW = 1_700_000_000 * SECOND


@pytest.mark.parametrize(
    ("silent_seconds", "stopped", "job_count", "status"),
    [
        (0, False, 0, Robot.STATUS_IDLE),
        (0, False, 2, Robot.STATUS_BUSY),
        (59.9, False, 1, Robot.STATUS_BUSY),
        # "Robots silent for 60 s are offline", whatever they hold.
        (60, False, 0, Robot.STATUS_OFFLINE),
        (60, False, 1, Robot.STATUS_OFFLINE),
        # It has said that it ends.
        (0, True, 1, Robot.STATUS_OFFLINE),
        # Another server's clock is ahead of ours.
        (-3, False, 0, Robot.STATUS_IDLE),
    ],
)
def test_a_robot_is_idle_busy_or_offline(
    silent_seconds: float, stopped: bool, job_count: int, status: Robot.Status.ValueType
) -> None:
    last_heartbeat = NOW - round(silent_seconds * SECOND)

    assert lifecycle.status(last_heartbeat=last_heartbeat, stopped=stopped, job_count=job_count, now=NOW) == status
