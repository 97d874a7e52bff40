"""How long Tasks wait and run, how they end and what they log, for Prometheus.

Of the whole process: what moves a Task is a function over a connection, and whoever calls it has nothing to count with.
"""

from typing import Final

from prometheus_client import Counter, Histogram

from server.clock import SECOND
from server.tasks.task import LEASED, TaskRow
from switchyard.tasks.v1.task_pb2 import Task

# From work that a worker was waiting for to work of hours.
_QUEUE_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)
_RUN_SECONDS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 14400.0)

QUEUE_SECONDS: Final = Histogram(
    "switchyard_task_queue_seconds",
    "Time from when a Task was due until a worker had it, once per attempt.",
    ["kind"],
    registry=None,
    buckets=_QUEUE_SECONDS,
)
RUN_SECONDS: Final = Histogram(
    "switchyard_task_run_seconds",
    "Duration of the last attempt of Tasks that ended.",
    ["kind"],
    registry=None,
    buckets=_RUN_SECONDS,
)
ENDED: Final = Counter("switchyard_tasks_ended", "Tasks that ended.", ["kind", "state"], registry=None)
RETRIES: Final = Counter("switchyard_task_retries", "Attempts that failed and are repeated.", ["kind"], registry=None)
LEASES_LOST: Final = Counter(
    "switchyard_task_leases_lost", "Leases taken from workers that were silent or gone.", ["kind"], registry=None
)
LOG_LINES: Final = Counter("switchyard_log_lines", "Log lines of Tasks that were stored.", registry=None)

METRICS: Final = (QUEUE_SECONDS, RUN_SECONDS, ENDED, RETRIES, LEASES_LOST, LOG_LINES)


def moved(before: TaskRow, after: TaskRow) -> None:
    """Count that a Task went from one state to another."""
    if before.start_time is None and after.start_time is not None:
        due = before.create_time if before.not_before is None else before.not_before
        QUEUE_SECONDS.labels(after.kind).observe(max(0, after.start_time - due) / SECOND)
    if after.attempt > before.attempt:
        RETRIES.labels(after.kind).inc()
    if after.final:
        ENDED.labels(after.kind, _word(after.state)).inc()
        if before.state in LEASED and after.start_time is not None and after.end_time is not None:
            RUN_SECONDS.labels(after.kind).observe(max(0, after.end_time - after.start_time) / SECOND)


def lease_lost(row: TaskRow) -> None:
    """Count that a worker lost the Task `row`."""
    LEASES_LOST.labels(row.kind).inc()


def _word(state: Task.State.ValueType) -> str:
    return Task.State.Name(state).removeprefix("STATE_").lower()
