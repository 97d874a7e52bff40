"""What jobs that have ended amount to: sums by hour, day and week, and the few jobs that are not part of them yet.

A job that has ended never changes, so the sums are a cache of rows that stand still: each row is added once and marked
in the same transaction. Every figure is sums plus rows without the mark, read from one state of the database, and so is
right at any moment, however late the rows are added.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import sqlalchemy as sa

from server.clock import SECOND
from server.database.additions import additions
from server.database.locks import lock
from server.orchestrator.jobs.new_job import SUBJECT_PREFIX
from server.orchestrator.metrics.duration_range import range_of
from server.orchestrator.metrics.tally import EndedJob, Sum, Tally, tally
from server.orchestrator.tables import (
    JOB_DURATION_RANGES,
    JOB_DURATIONS,
    JOB_ERRORS,
    JOB_ROBOTS,
    JOB_SUMS,
    JOB_WORKFLOWS,
)
from server.tasks.tables import ENDED_JOB, TASKS, UNSUMMED_JOB
from switchyard.tasks.v1.task_pb2 import Task

HOUR: Final = 3600
DAY: Final = 86_400
WEEK: Final = 7 * DAY
# Each is a whole number of the one before.
SPANS: Final = (HOUR, DAY, WEEK)
# Hours are read for the first day of a window only, and no window is longer.
KEPT_HOURS: Final = 92 * DAY // HOUR
SLOWEST: Final = 10

TABLES: Final = (JOB_SUMS, JOB_WORKFLOWS, JOB_ROBOTS, JOB_ERRORS, JOB_DURATION_RANGES, JOB_DURATIONS)


@dataclass(frozen=True, slots=True)
class Window:
    """The jobs that ended at `begin` (micros) or later, of one tenant if given.

    They are read in pieces: as rows up to the next full hour, then hours up to the next day, days up to the next week,
    and weeks.
    """

    begin: int
    tenant: str | None = None

    @property
    def scope(self) -> str:
        """As `scope` in the tables."""
        return self.tenant or ""

    def first(self, span: int) -> int:
        """The first full hour, day or week, counted from 1970-01-01."""
        return -(-self.begin // (span * SECOND))

    @property
    def rows(self) -> dict[str, int]:
        """Bounds of what is read as rows."""
        return {"begin": self.begin, "full_hours": self.first(HOUR) * HOUR * SECOND}

    @property
    def spans(self) -> dict[str, Any]:
        """Bounds of what is read as sums."""
        bounds = {"of_scope": self.scope, f"first_{WEEK}": self.first(WEEK)}
        for span, longer in pairwise(SPANS):
            bounds |= {f"first_{span}": self.first(span), f"end_{span}": self.first(longer) * (longer // span)}
        return bounds


@dataclass(frozen=True, slots=True)
class SlowWorkflow:
    """A workflow, and the mean duration of its completed jobs in milliseconds."""

    workflow_id: str
    average_ms: float


def any_unsummed(connection: sa.Connection) -> bool:
    """Return whether any job that has ended is not part of the sums."""
    return connection.execute(_ANY_UNSUMMED).first() is not None


def fold(connection: sa.Connection, *, limit: int) -> int:
    """Add at most `limit` jobs to the sums, the ones that ended first, and return how many."""
    lock(connection, "orchestrator.job_sums")
    jobs = [EndedJob(*row) for row in connection.execute(_UNSUMMED, {"limit": limit})]
    if jobs:
        for table, rows in _rows_of(jobs).items():
            if rows:
                connection.execute(_ADDITIONS[table][connection.dialect.name], rows)
        connection.execute(_MARK, {"numbers": [job.number for job in jobs]})
    return len(jobs)


def forget_hours(connection: sa.Connection, *, now: int) -> None:
    """Remove sums of hours that no window begins in any more."""
    oldest = now // (HOUR * SECOND) - KEPT_HOURS
    for scope in connection.execute(_SCOPES).scalars().all():
        for statement in _FORGET:
            connection.execute(statement, {"of_scope": scope, "oldest": oldest})


def read_rows(connection: sa.Connection, window: Window) -> Tally:
    """Count what of the window is not read as sums."""
    jobs = connection.execute(_ROWS[window.tenant is not None], {**window.rows, **_tenant(window)})
    return tally(EndedJob(*job) for job in jobs)


def read_all(connection: sa.Connection, window: Window, rows: Tally) -> Sum:
    """Return how the jobs of the window ended. `rows` is what `read_rows` gives."""
    found = Sum(*map(int, connection.execute(_ALL, window.spans).one()))
    found.add(rows.all)
    return found


def read_robot(connection: sa.Connection, window: Window, rows: Tally, robot_id: str) -> Sum:
    """Return how the jobs of a robot ended. The window begins at midnight, UTC."""
    given = {"of_scope": window.scope, "today": window.first(DAY), "robot": robot_id}
    row = connection.execute(_ROBOT, given).first()
    found = Sum() if row is None else Sum(completed=row.completed, failed=row.failed, duration_ms=row.duration_ms)
    found.add(rows.robots.get(robot_id, Sum()))
    return found


def read_errors(connection: sa.Connection, window: Window, rows: Tally) -> Counter[str]:
    """Return how many jobs failed by each type of error."""
    return _counted(connection.execute(_ERRORS, window.spans)) + rows.errors


def read_ranges(connection: sa.Connection, window: Window, rows: Tally) -> Counter[int]:
    """Return how many completed jobs lie in each range of durations."""
    return _counted(connection.execute(_RANGES, window.spans)) + rows.ranges


def read_durations(connection: sa.Connection, window: Window, rows: Tally, number: int) -> Counter[int]:
    """Return how many completed jobs took each duration within range `number`."""
    # Listed, not bounded: then each hour, day and week is found by the index, whatever other durations it has.
    starts: dict[str, list[int]] = {f"starts_{span}": [] for span in SPANS}
    for span, start in connection.execute(_STARTS, window.spans):
        starts[f"starts_{span}"].append(start)
    found = _counted(connection.execute(_DURATIONS, {"of_scope": window.scope, "of_range": number, **starts}))
    return found + Counter({ms: jobs for ms, jobs in rows.durations.items() if range_of(ms) == number})


def read_slowest(connection: sa.Connection, window: Window) -> list[SlowWorkflow]:
    """Return the workflows with the longest mean duration, the longest first, at most `SLOWEST`."""
    given = {**window.spans, **window.rows, **_tenant(window)}
    return [
        SlowWorkflow(row.workflow_id, int(row.duration_ms) / int(row.completed))
        for row in connection.execute(_SLOWEST[window.tenant is not None], given)
    ]


def _tenant(window: Window) -> dict[str, str]:
    return {} if window.tenant is None else {"tenant": window.tenant}


def _counted(rows: Iterable[Any]) -> Counter[Any]:
    return Counter({key: int(count) for key, count in rows})


def _rows_of(jobs: Iterable[EndedJob]) -> dict[sa.Table, list[dict[str, Any]]]:
    """Return what is added to each table, in the order of its key, so that servers do not lock rows crosswise."""
    rows: dict[sa.Table, list[dict[str, Any]]] = {table: [] for table in TABLES}
    for (scope, span, start), counted in sorted(_tallies(jobs).items()):
        key = {"scope": scope, "span": span, "start": start}
        for table, row in _entries(counted, with_robots=span == DAY):
            rows[table].append(key | row)
    return rows


def _tallies(jobs: Iterable[EndedJob]) -> Mapping[tuple[str, int, int], Tally]:
    """Count jobs by scope, span and start."""
    found: dict[tuple[str, int, int], Tally] = {}
    for job in jobs:
        for scope in {"", job.tenant}:
            for span in SPANS:
                found.setdefault((scope, span, job.end_time // (span * SECOND)), Tally()).count(job)
    return found


def _entries(counted: Tally, *, with_robots: bool) -> Iterator[tuple[sa.Table, dict[str, Any]]]:
    """Yield the rows of one tally without scope, span and start. Robots are asked for by day only."""
    one = counted.all
    ends = {"completed": one.completed, "failed": one.failed, "cancelled": one.cancelled}
    yield JOB_SUMS, {**ends, "duration_ms": one.duration_ms}
    for workflow_id, one in sorted(counted.workflows.items()):
        if one.completed:
            yield JOB_WORKFLOWS, _means(one) | {"workflow_id": workflow_id}
    for robot_id, one in sorted(counted.robots.items()) if with_robots else ():
        yield JOB_ROBOTS, _means(one) | {"robot_id": robot_id, "failed": one.failed}
    for error_type, jobs in sorted(counted.errors.items()):
        yield JOB_ERRORS, {"error_type": error_type, "jobs": jobs}
    for number, jobs in sorted(counted.ranges.items()):
        yield JOB_DURATION_RANGES, {"range": number, "jobs": jobs}
    for duration, jobs in sorted(counted.durations.items()):
        yield JOB_DURATIONS, {"range": range_of(duration), "duration_ms": duration, "jobs": jobs}


def _means(one: Sum) -> dict[str, int]:
    return {"completed": one.completed, "duration_ms": one.duration_ms}


def _within(table: sa.Table, *columns: sa.ColumnElement[Any]) -> sa.Subquery:
    """Return the rows of `table` for the hours, days and weeks of the window, each from its own range of the key."""
    pieces = []
    for span in SPANS:
        bounds = [table.c.scope == sa.bindparam("of_scope"), table.c.span == span]
        bounds.append(table.c.start >= sa.bindparam(f"first_{span}"))
        if span != WEEK:
            bounds.append(table.c.start < sa.bindparam(f"end_{span}"))
        pieces.append(sa.select(*columns).where(*bounds))
    return sa.union_all(*pieces).subquery()


def _totals(table: sa.Table, *names: str) -> sa.Select[Any]:
    """Return the query for the sums of columns."""
    found = _within(table, *(table.c[name] for name in names))
    return sa.select(*(sa.func.coalesce(sa.func.sum(found.c[name]), 0) for name in names))


def _grouped(table: sa.Table, name: str) -> sa.Select[Any]:
    """Return the query for how many jobs there are by a column."""
    found = _within(table, table.c[name], table.c.jobs)
    return sa.select(found.c[name], sa.func.sum(found.c.jobs)).group_by(found.c[name])


_EARLY: Final = (ENDED_JOB, TASKS.c.end_time >= sa.bindparam("begin"), TASKS.c.end_time < sa.bindparam("full_hours"))
_LATE: Final = (UNSUMMED_JOB, TASKS.c.end_time >= sa.bindparam("full_hours"))
_COLUMNS: Final = (
    TASKS.c.number,
    TASKS.c.tenant,
    TASKS.c.subject,
    TASKS.c.last_worker_id,
    TASKS.c.state,
    TASKS.c.error_type,
    TASKS.c.start_time,
    TASKS.c.end_time,
)


def _rows_query(*conditions: sa.ColumnElement[bool]) -> sa.CompoundSelect[Any]:
    early, late = (sa.select(*_COLUMNS).where(*piece, *conditions) for piece in (_EARLY, _LATE))
    return sa.union_all(early, late)


def _slowest_query(*conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    workflow_id = sa.func.substr(TASKS.c.subject, len(SUBJECT_PREFIX) + 1).label("workflow_id")
    took = TASKS.c.end_time - TASKS.c.start_time
    # Not a condition on the state: SQLite would go by the index of states, through all jobs there are.
    ended_well = TASKS.c.state == Task.STATE_SUCCEEDED
    completed_one = sa.case((ended_well, 1), else_=0).label("completed")
    took_ms = sa.case((sa.and_(ended_well, took > 0), took // 1000), else_=0).label("duration_ms")
    rows = [sa.select(workflow_id, completed_one, took_ms).where(*piece, *conditions) for piece in (_EARLY, _LATE)]
    column = JOB_WORKFLOWS.c
    sums = sa.select(_within(JOB_WORKFLOWS, column.workflow_id, column.completed, column.duration_ms))
    pieces = sa.union_all(sums, *rows).subquery()
    completed = sa.func.sum(pieces.c.completed).label("completed")
    duration_ms = sa.func.sum(pieces.c.duration_ms).label("duration_ms")
    return (
        sa.select(pieces.c.workflow_id, completed, duration_ms)
        .group_by(pieces.c.workflow_id)
        .having(completed > 0)
        .order_by((sa.cast(duration_ms, sa.Double) / completed).desc(), pieces.c.workflow_id)
        .limit(SLOWEST)
    )


_BY_TENANT: Final = TASKS.c.tenant == sa.bindparam("tenant")
# By whether one tenant is meant.
_ROWS: Final = {False: _rows_query(), True: _rows_query(_BY_TENANT)}
_SLOWEST: Final = {False: _slowest_query(), True: _slowest_query(_BY_TENANT)}
_UNSUMMED: Final = sa.select(*_COLUMNS).where(UNSUMMED_JOB).order_by(TASKS.c.end_time).limit(sa.bindparam("limit"))
_ANY_UNSUMMED: Final = sa.select(TASKS.c.number).where(UNSUMMED_JOB).limit(1)
_MARK: Final = sa.update(TASKS).where(TASKS.c.number.in_(sa.bindparam("numbers", expanding=True))).values(summed=1)
_ADDITIONS: Final = {
    table: additions(table, [column.name for column in table.c if not column.primary_key]) for table in TABLES
}
_ALL: Final = _totals(JOB_SUMS, "completed", "failed", "cancelled", "duration_ms")
_ROBOT: Final = sa.select(JOB_ROBOTS.c.completed, JOB_ROBOTS.c.failed, JOB_ROBOTS.c.duration_ms).where(
    JOB_ROBOTS.c.scope == sa.bindparam("of_scope"),
    JOB_ROBOTS.c.span == DAY,
    JOB_ROBOTS.c.start == sa.bindparam("today"),
    JOB_ROBOTS.c.robot_id == sa.bindparam("robot"),
)
_ERRORS: Final = _grouped(JOB_ERRORS, "error_type")
_RANGES: Final = _grouped(JOB_DURATION_RANGES, "range")
_STARTS: Final = sa.select(_within(JOB_SUMS, JOB_SUMS.c.span, JOB_SUMS.c.start))


def _inside_range(span: int) -> sa.Select[Any]:
    return sa.select(JOB_DURATIONS.c.duration_ms, JOB_DURATIONS.c.jobs).where(
        JOB_DURATIONS.c.scope == sa.bindparam("of_scope"),
        JOB_DURATIONS.c.span == span,
        JOB_DURATIONS.c.start.in_(sa.bindparam(f"starts_{span}", expanding=True)),
        JOB_DURATIONS.c.range == sa.bindparam("of_range"),
    )


_INSIDE: Final = sa.union_all(*map(_inside_range, SPANS)).subquery()
_DURATIONS: Final = sa.select(_INSIDE.c.duration_ms, sa.func.sum(_INSIDE.c.jobs)).group_by(_INSIDE.c.duration_ms)
_SCOPES: Final = sa.select(JOB_SUMS.c.scope).distinct()
_FORGET: Final = tuple(
    sa.delete(table).where(
        table.c.scope == sa.bindparam("of_scope"), table.c.span == HOUR, table.c.start < sa.bindparam("oldest")
    )
    for table in TABLES
)
