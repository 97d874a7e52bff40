"""A robot: what is kept of it, and how the contract shows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from server.clock import to_timestamp
from server.orchestrator.jobs.new_job import INTERNET_KIND, LAN_KIND
from switchyard.orchestrator.v1 import robot_pb2, workflow_pb2

Status: TypeAlias = robot_pb2.Robot.Status.ValueType
Mode: TypeAlias = workflow_pb2.ExecutionMode.ValueType

_MODE_OF_KIND: Final[Mapping[str, Mode]] = {
    LAN_KIND: workflow_pb2.EXECUTION_MODE_LAN,
    INTERNET_KIND: workflow_pb2.EXECUTION_MODE_INTERNET,
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What changes of a robot only when somebody changes it, in the order of the columns. Times are micros.

    `tenant` is that of the jobs it may take, empty for those of everybody. `worker`: one of this installation.
    `removed`: somebody has deleted it, and it has not registered since.
    """

    id: str
    tenant: str
    hostname: str
    version: str
    takes_lan: bool
    takes_internet: bool
    max_jobs: int
    draining: bool
    worker: bool
    removed: bool
    register_time: int
    change_time: int

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of the Tasks it takes."""
        return kinds_of(takes_lan=self.takes_lan, takes_internet=self.takes_internet)


@dataclass(frozen=True, slots=True)
class RobotRow:
    """A robot as it is at one moment. Times are micros; figures are None before it has told them.

    `kinds` are those of the Tasks it takes, `current_job_id` is the oldest job it holds, `job_count` how many it holds.
    """

    id: str
    tenant: str
    hostname: str
    version: str
    kinds: tuple[str, ...]
    max_jobs: int
    draining: bool
    worker: bool
    register_time: int
    last_heartbeat: int
    cpu_percent: float | None
    memory_mb: float | None
    memory_percent: float | None
    status: Status
    current_job_id: str | None
    job_count: int


def kinds_of(*, takes_lan: bool, takes_internet: bool) -> tuple[str, ...]:
    """Return the kinds of the Tasks that a robot of these modes takes."""
    return (*((LAN_KIND,) if takes_lan else ()), *((INTERNET_KIND,) if takes_internet else ()))


def to_registration(row: RobotRow) -> robot_pb2.RobotRegistration:
    """Return `row` as whoever runs the fleet sees it."""
    return robot_pb2.RobotRegistration(
        robot_id=row.id,
        hostname=row.hostname,
        version=row.version,
        execution_modes=[_MODE_OF_KIND[kind] for kind in row.kinds],
        max_jobs=row.max_jobs,
        draining=row.draining,
        status=row.status,
        registered_at=to_timestamp(row.register_time),
        last_heartbeat=to_timestamp(row.last_heartbeat),
    )
