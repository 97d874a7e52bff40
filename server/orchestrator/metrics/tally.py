"""Counts jobs that have ended. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from server.orchestrator.jobs import job_view
from server.orchestrator.metrics.duration_range import range_of
from switchyard.tasks.v1.task_pb2 import Task

# For a failure nobody gave a type.
UNKNOWN_ERROR: Final = "Unknown"


class EndedJob(NamedTuple):
    """What is counted of a job. Times are micros; texts are empty where unset."""

    number: int
    tenant: str
    subject: str
    robot_id: str
    state: int
    error_type: str
    start_time: int | None
    end_time: int


@dataclass(slots=True)
class Sum:
    """Jobs by their end, and the milliseconds that the completed ones took together."""

    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    duration_ms: int = 0

    def add(self, other: "Sum") -> None:
        """Add `other` to this one."""
        self.completed += other.completed
        self.failed += other.failed
        self.cancelled += other.cancelled
        self.duration_ms += other.duration_ms

    @property
    def average_ms(self) -> float:
        """Mean duration of completed jobs, 0 without any."""
        return self.duration_ms / self.completed if self.completed else 0.0


@dataclass(slots=True)
class Tally:
    """Jobs counted together: all of them, by workflow, by robot, failures by type, completed ones by duration."""

    all: Sum = field(default_factory=Sum)
    workflows: dict[str, Sum] = field(default_factory=dict)
    robots: dict[str, Sum] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)
    durations: Counter[int] = field(default_factory=Counter)

    def count(self, job: EndedJob) -> None:
        """Count one job more."""
        one = _sum_of(job)
        self.all.add(one)
        self.workflows.setdefault(job_view.workflow_id(job.subject), Sum()).add(one)
        if job.robot_id:
            self.robots.setdefault(job.robot_id, Sum()).add(one)
        if one.failed:
            self.errors[job.error_type or UNKNOWN_ERROR] += 1
        if one.completed:
            self.durations[one.duration_ms] += 1

    @property
    def ranges(self) -> Counter[int]:
        """Completed jobs by the range of their duration."""
        found: Counter[int] = Counter()
        for duration, jobs in self.durations.items():
            found[range_of(duration)] += jobs
        return found


def tally(jobs: Iterable[EndedJob]) -> Tally:
    """Count `jobs` together."""
    counted = Tally()
    for job in jobs:
        counted.count(job)
    return counted


def _sum_of(job: EndedJob) -> Sum:
    match job.state:
        case Task.STATE_SUCCEEDED:
            return Sum(completed=1, duration_ms=job_view.duration_ms(job.start_time, job.end_time) or 0)
        case Task.STATE_FAILED:
            return Sum(failed=1)
    return Sum(cancelled=1)
