"""Jobs among the Tasks of the kernel: functions over a connection."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from server.database.point_read import PointRead
from server.database.text import storable
from server.errors import NotFound
from server.orchestrator.jobs import job_view
from server.orchestrator.jobs.job_view import ListedJob
from server.orchestrator.jobs.new_job import KINDS, subject_of
from server.tasks import store
from server.tasks.tables import CLAIMED_JOB, CLAIMED_TENANT_JOB, ENDED_JOB, JOB, LEASED, TASKS, TENANT_JOB, WAITING
from server.tasks.task import TaskRow
from switchyard.orchestrator.v1 import job_pb2 as pb
from switchyard.tasks.v1.task_pb2 import Task

STATES_OF: Final[Mapping[job_view.Status, tuple[int, ...]]] = {
    status: tuple(state for state, shown in job_view.STATUS.items() if shown == status)
    for status in set(job_view.STATUS.values())
}
EVERY_STATE: Final = tuple(job_view.STATUS)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which jobs; what is empty or None stands for all. `robot_id` is that of the newest attempt."""

    status: job_view.Status = pb.Job.STATUS_UNSPECIFIED
    workflow_id: str = ""
    robot_id: str = ""
    tenant: str | None = None


def require(connection: sa.Connection, job_id: str, *, tenant_id: str | None) -> TaskRow:
    """Return the job if a caller of `tenant_id` may see it; None sees all.

    Raises:
        NotFound: there is no job of that id, or it is not theirs.
    """
    row = store.get(connection, storable(job_id))
    if row is None or row.kind not in KINDS or (tenant_id is not None and row.tenant != tenant_id):
        raise NotFound(f"Job {job_id} not found", job_id=job_id)
    return row


def newest(
    connection: sa.Connection, filters: Filters, *, limit: int, before_number: int | None = None
) -> list[ListedJob]:
    """Return at most `limit` jobs that pass `filters`, the newest first; with `before_number` only older ones."""
    given = {
        "subject": subject_of(storable(filters.workflow_id)) if filters.workflow_id else None,
        "last_worker_id": storable(filters.robot_id) or None,
        "tenant": filters.tenant,
    }
    named = {name: value for name, value in given.items() if value is not None}
    query = _newest(tuple(named), STATES_OF.get(filters.status, EVERY_STATE))
    end = before_number if before_number is not None else _BEYOND
    return _listed(connection.execute(query, {**named, "end": end, "limit": limit}))


def queued_before(connection: sa.Connection, job: TaskRow, *, now: int) -> int:
    """Return how many jobs of the same kind wait, are due, and go first."""
    given = {"kind": job.kind, "priority": job.priority, "number": job.number, "now": now}
    return int(connection.execute(_AHEAD, given).scalar_one())


class HeldJob(NamedTuple):
    """A job that a robot holds."""

    robot_id: str
    job_id: str
    tenant: str
    start_time: int | None


def held(connection: sa.Connection) -> list[HeldJob]:
    """Return every job that a robot holds, the oldest lease first."""
    return [HeldJob(*row) for row in connection.execute(_HELD)]


class JobChange(NamedTuple):
    """How a job stands that has changed. `subject` names its workflow."""

    job_id: str
    tenant: str
    subject: str
    state: Task.State.ValueType
    fencing_token: int


def changed_since(connection: sa.Connection, since: int) -> list[JobChange]:
    """Return the jobs that may have changed since that time, in micros.

    Those that have ended since, all that run, and those that wait for the first time since then, or again.
    """
    return [JobChange(*row) for row in connection.execute(_CHANGED, {"since": since})]


def name_of_workflow(connection: sa.Connection, workflow_id: str) -> str:
    """Return the name of a workflow when its newest job was queued, empty without any."""
    subject = subject_of(workflow_id)
    found = [_NAMED.first(connection, subject=subject, kind=kind) for kind in KINDS]
    newest_ones = sorted(tuple(row) for row in found if row is not None)
    return str(newest_ones[-1][1]) if newest_ones else ""


def _listed(rows: Iterable[Any]) -> list[ListedJob]:
    return sorted((ListedJob(*row) for row in rows), reverse=True)


@cache
def _newest(named: tuple[str, ...], states: tuple[int, ...]) -> sa.Select[Any]:
    """Return the query for the newest jobs in `states` that have the values of the columns `named`.

    Each state is read from the end of its own range of an index, so that it does not matter how many other jobs there
    are; the few that are found are put in order.
    """
    condition = _CONDITIONS[("tenant" in named and "subject" not in named, "last_worker_id" in named)]
    parts = [
        sa.select(
            sa.select(TASKS.c.number)
            .where(
                condition,
                *(TASKS.c[name] == sa.bindparam(name) for name in named),
                TASKS.c.state == sa.literal_column(str(state)),
                TASKS.c.number < sa.bindparam("end"),
            )
            .order_by(TASKS.c.number.desc())
            .limit(sa.bindparam("limit"))
            .subquery()
            .c.number
        )
        for state in states
    ]
    numbers = sa.union_all(*parts).subquery()
    newest = sa.select(numbers.c.number).order_by(numbers.c.number.desc()).limit(sa.bindparam("limit"))
    return _LISTED.where(TASKS.c.number.in_(newest))


# By whether a tenant is named without a workflow, and whether a robot is. A workflow belongs to one tenant: there the
# tenant needs no index of its own.
_CONDITIONS: Final = {
    (False, False): JOB,
    (False, True): CLAIMED_JOB,
    (True, False): TENANT_JOB,
    (True, True): CLAIMED_TENANT_JOB,
}
# Larger than any number of a Task.
_BEYOND: Final = 2**62
_STANDING: Final = sa.select(TASKS.c.id, TASKS.c.tenant, TASKS.c.subject, TASKS.c.state, TASKS.c.fencing_token)
_SINCE: Final = sa.bindparam("since", type_=sa.BigInteger)
_CHANGED: Final = sa.union_all(
    _STANDING.where(ENDED_JOB, TASKS.c.end_time >= _SINCE),
    _STANDING.where(LEASED, JOB),
    _STANDING.where(WAITING, JOB, sa.or_(TASKS.c.create_time >= _SINCE, TASKS.c.fencing_token > 0)),
)
_LISTED: Final = sa.select(
    TASKS.c.number,
    TASKS.c.id,
    TASKS.c.subject,
    TASKS.c.title,
    TASKS.c.last_worker_id,
    TASKS.c.state,
    TASKS.c.create_time,
    TASKS.c.start_time,
    TASKS.c.end_time,
)
_NAMED: Final = PointRead(
    sa.select(TASKS.c.number, TASKS.c.title)
    .where(TASKS.c.subject == sa.bindparam("subject"), TASKS.c.kind == sa.bindparam("kind"))
    .order_by(TASKS.c.number.desc())
    .limit(1)
)
_AHEAD: Final = (
    sa.select(sa.func.count())
    .select_from(TASKS)
    .where(
        WAITING,
        TASKS.c.kind == sa.bindparam("kind"),
        sa.or_(
            TASKS.c.priority < sa.bindparam("priority"),
            sa.and_(TASKS.c.priority == sa.bindparam("priority"), TASKS.c.number < sa.bindparam("number")),
        ),
        sa.or_(TASKS.c.not_before.is_(None), TASKS.c.not_before <= sa.bindparam("now")),
    )
)
_HELD: Final = (
    sa.select(TASKS.c.worker_id, TASKS.c.id, TASKS.c.tenant, TASKS.c.start_time)
    .where(LEASED, JOB)
    .order_by(TASKS.c.start_time, TASKS.c.number)
)
