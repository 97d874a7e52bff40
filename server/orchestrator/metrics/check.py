"""Counts all jobs anew and compares that with the sums: those that triggers keep, and those that jobs are added to."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import sqlalchemy as sa

from server.clock import SECOND
from server.orchestrator.jobs.new_job import KINDS, SUBJECT_PREFIX
from server.orchestrator.metrics.duration_range import range_of
from server.orchestrator.metrics.job_sums import DAY
from server.orchestrator.metrics.tally import UNKNOWN_ERROR
from server.orchestrator.tables import (
    JOB_DURATION_RANGES,
    JOB_DURATIONS,
    JOB_ERRORS,
    JOB_ROBOTS,
    JOB_SUMS,
    JOB_WORKFLOWS,
)
from server.tasks.tables import ENDED_JOB, TASK_COUNTS, TASK_DAYS, TASKS
from switchyard.tasks.v1.task_pb2 import Task

# So many differences are told; more of them say nothing more.
TOLD: Final = 100

# What is counted, in words -> how many.
Figures = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Difference:
    """A sum that is not what its jobs amount to."""

    what: str
    stored: int
    counted: int


@dataclass(frozen=True, slots=True)
class Findings:
    """How many sums were compared, and those that differ, at most `TOLD`."""

    compared: int
    differences: tuple[Difference, ...]


def check(connection: sa.Connection) -> Findings:
    """Compare every sum of days. Reads all jobs; `connection` must see one state of the database throughout."""
    compared = 0
    differences: list[Difference] = []
    for stored, counted in _pairs(connection):
        compared += len(stored.keys() | counted.keys())
        differences += islice(_differing(stored, counted), TOLD - len(differences))
    return Findings(compared, tuple(differences))


def _differing(stored: Figures, counted: Figures) -> Iterator[Difference]:
    """Yield what differs, in the order of its words. What is missing on one side is zero there."""
    for what in sorted(stored.keys() | counted.keys()):
        if stored.get(what, 0) != counted.get(what, 0):
            yield Difference(what, stored.get(what, 0), counted.get(what, 0))


def _pairs(connection: sa.Connection) -> Iterator[tuple[Figures, Figures]]:
    """Yield the stored and the counted figures of each kind."""
    for stored, counted in _COMPARED:
        yield _figures(connection.execute(stored)), _figures(connection.execute(counted))
    ranges: Counter[str] = Counter()
    for row in connection.execute(_DURATIONS_OF_ROWS):
        ranges[f"jobs, day {row.day}, range of durations {range_of(int(row.duration))}: jobs"] += int(row.jobs)
    yield _figures(connection.execute(_RANGES)), ranges


def _figures(rows: sa.CursorResult[Any]) -> Figures:
    """Return the numbers of each row. Its columns are words about them, up to the one that is called `jobs`."""
    names = list(rows.keys())
    first = names.index("jobs")
    figures: dict[str, int] = {}
    for row in rows:
        words = ", ".join(["jobs", *(f"{name} {value}" for name, value in zip(names[:first], row, strict=False))])
        figures |= {f"{words}: {name}": int(number) for name, number in zip(names[first:], row[first:], strict=True)}
    return figures


def _stored(table: sa.Table, *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Return the query for sums of days over all tenants."""
    return sa.select(table.c.start.label("day"), *columns).where(table.c.span == DAY, table.c.scope == "")


def _counted(*columns: sa.ColumnElement[Any], where: sa.ColumnElement[bool] | None = None) -> sa.Select[Any]:
    """Return the query that counts jobs that were added to the sums, by day and by those columns that are words."""
    words = [column for column in columns if isinstance(column, sa.Label) and column.name in _WORDS]
    conditions = () if where is None else (where,)
    return sa.select(_DAY, *columns).where(_SUMMED, *conditions).group_by(_DAY, *words)


def _sum(condition: sa.ColumnElement[bool], value: Any = 1) -> sa.ColumnElement[int]:
    return sa.func.sum(sa.case((condition, value), else_=0))


_WORDS: Final = frozenset({"workflow", "robot", "error", "duration"})
_SUMMED: Final = sa.and_(ENDED_JOB, TASKS.c.summed == 1)
# Written out, not given as parameters: Postgres does not see that two parameters of GROUP BY are the same.
_MICROS_A_DAY: Final = sa.literal_column(str(DAY * SECOND), sa.BigInteger)
_DAY: Final = (TASKS.c.end_time // _MICROS_A_DAY).label("day")
_CREATED_ON: Final = (TASKS.c.create_time // _MICROS_A_DAY).label("created_on")
_COMPLETED: Final = TASKS.c.state == Task.STATE_SUCCEEDED
_FAILED: Final = TASKS.c.state == Task.STATE_FAILED
_TOOK: Final = TASKS.c.end_time - TASKS.c.start_time
_ZERO: Final = sa.literal_column("0", sa.BigInteger)
_TOOK_MS: Final = sa.case((_TOOK > _ZERO, _TOOK // sa.literal_column("1000", sa.BigInteger)), else_=_ZERO)
_ERROR: Final = sa.func.coalesce(
    sa.func.nullif(TASKS.c.error_type, sa.literal_column("''")), sa.literal_column(f"'{UNKNOWN_ERROR}'")
).label("error")
_WORKFLOW: Final = sa.func.substr(TASKS.c.subject, sa.literal_column(str(len(SUBJECT_PREFIX) + 1))).label("workflow")
_ROBOT: Final = TASKS.c.last_worker_id.label("robot")
_COUNT: Final = sa.func.count().label("jobs")
_DURATIONS_OF_ROWS: Final = _counted(_TOOK_MS.label("duration"), _COUNT, where=_COMPLETED)
_RANGES: Final = _stored(
    JOB_DURATION_RANGES,
    JOB_DURATION_RANGES.c.range.label("range of durations"),
    JOB_DURATION_RANGES.c.jobs.label("jobs"),
)

# Stored figures, and the same from the rows.
_COMPARED: Final[tuple[tuple[sa.Select[Any], sa.Select[Any]], ...]] = (
    (
        _stored(
            JOB_SUMS,
            JOB_SUMS.c.completed.label("jobs"),
            JOB_SUMS.c.failed,
            JOB_SUMS.c.cancelled,
            JOB_SUMS.c.duration_ms,
        ),
        _counted(
            _sum(_COMPLETED).label("jobs"),
            _sum(_FAILED).label("failed"),
            _sum(TASKS.c.state == Task.STATE_CANCELLED).label("cancelled"),
            _sum(_COMPLETED, _TOOK_MS).label("duration_ms"),
        ),
    ),
    (
        _stored(
            JOB_WORKFLOWS,
            JOB_WORKFLOWS.c.workflow_id.label("workflow"),
            JOB_WORKFLOWS.c.completed.label("jobs"),
            JOB_WORKFLOWS.c.duration_ms,
        ),
        _counted(_WORKFLOW, _COUNT, sa.func.sum(_TOOK_MS).label("duration_ms"), where=_COMPLETED),
    ),
    (
        _stored(
            JOB_ROBOTS,
            JOB_ROBOTS.c.robot_id.label("robot"),
            JOB_ROBOTS.c.completed.label("jobs"),
            JOB_ROBOTS.c.failed,
            JOB_ROBOTS.c.duration_ms,
        ),
        _counted(
            _ROBOT,
            _sum(_COMPLETED).label("jobs"),
            _sum(_FAILED).label("failed"),
            _sum(_COMPLETED, _TOOK_MS).label("duration_ms"),
            where=TASKS.c.last_worker_id != "",
        ),
    ),
    (
        _stored(JOB_ERRORS, JOB_ERRORS.c.error_type.label("error"), JOB_ERRORS.c.jobs.label("jobs")),
        _counted(_ERROR, _COUNT, where=_FAILED),
    ),
    (
        _stored(JOB_DURATIONS, JOB_DURATIONS.c.duration_ms.label("duration"), JOB_DURATIONS.c.jobs.label("jobs")),
        _DURATIONS_OF_ROWS,
    ),
    (
        sa.select(TASK_COUNTS.c.state, sa.func.sum(TASK_COUNTS.c.tasks).label("jobs"))
        .where(TASK_COUNTS.c.kind.in_(KINDS))
        .group_by(TASK_COUNTS.c.state),
        sa.select(TASKS.c.state, _COUNT).where(TASKS.c.kind.in_(KINDS)).group_by(TASKS.c.state),
    ),
    (
        sa.select(TASK_DAYS.c.day.label("created_on"), sa.func.sum(TASK_DAYS.c.tasks).label("jobs"))
        .where(TASK_DAYS.c.kind.in_(KINDS))
        .group_by(TASK_DAYS.c.day),
        sa.select(_CREATED_ON, _COUNT).where(TASKS.c.kind.in_(KINDS)).group_by(_CREATED_ON),
    ),
)
