"""Where the runs of jobs are that may be resumed, and what they had executed: functions over a connection.

States are encrypted already. Executions are not: they are what everybody sees who may see the job.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import sqlalchemy as sa

from server.database.point_read import PointRead, PointWrite
from server.orchestrator.tables import CHECKPOINT_EXECUTIONS, JOB_CHECKPOINTS
from server.tasks.task import NewTask, TaskRow
from switchyard.orchestrator.v1.job_pb2 import NodeExecution
from switchyard.orchestrator.v1.job_worker_service_pb2 import WorkflowResult


class StoredCheckpoint(NamedTuple):
    """A state, encrypted, and what was executed up to it."""

    sealed: bytes
    executions: Sequence[NodeExecution]


def put(connection: sa.Connection, job_id: str, sealed: bytes, *, now: int) -> None:
    """Store a state in place of the one before. The caller has locked the job."""
    values = {"at_job": job_id, "now": now, "new_sealed": sealed}
    if _UPDATE.execute(connection, values) == 0:
        _INSERT.execute(connection, {"job_id": job_id, "update_time": now, "sealed": sealed})


def add_executions(connection: sa.Connection, job_id: str, executions: Sequence[NodeExecution], *, before: int) -> None:
    """Store what was executed behind the first `before` executions, in place of what is there."""
    connection.execute(_DELETE_BEHIND, {"at_job": job_id, "before": before})
    if executions:
        written = WorkflowResult(node_executions=executions).SerializeToString()
        row = {"job_id": job_id, "executions_before": before, "executions": written}
        _INSERT_EXECUTIONS.execute(connection, row)


def find(connection: sa.Connection, job_id: str) -> StoredCheckpoint | None:
    """Return the checkpoint of a job, None when it has none."""
    row = _FIND.first(connection, job=job_id)
    if row is None:
        return None
    pieces = connection.execute(_FIND_EXECUTIONS, {"job": job_id}).scalars()
    # One message behind another is one message with the lists of both.
    executed = WorkflowResult.FromString(b"".join(pieces))
    return StoredCheckpoint(bytes(row[0]), executed.node_executions)


def on_job_final(connection: sa.Connection, job: TaskRow, _now: int) -> Sequence[NewTask]:
    """Forget where a job was that has ended. A final hook of the kernel."""
    if _DELETE.execute(connection, {"at_job": job.id}):
        connection.execute(_DELETE_BEHIND, {"at_job": job.id, "before": 0})
    return ()


_AT: Final = JOB_CHECKPOINTS.c.job_id == sa.bindparam("at_job")
_FIND: Final = PointRead(sa.select(JOB_CHECKPOINTS.c.sealed).where(JOB_CHECKPOINTS.c.job_id == sa.bindparam("job")))
_INSERT: Final = PointWrite(sa.insert(JOB_CHECKPOINTS), columns=[column.name for column in JOB_CHECKPOINTS.c])
_UPDATE: Final = PointWrite(
    sa.update(JOB_CHECKPOINTS).where(_AT).values(update_time=sa.bindparam("now"), sealed=sa.bindparam("new_sealed"))
)
_DELETE: Final = PointWrite(sa.delete(JOB_CHECKPOINTS).where(_AT))
_INSERT_EXECUTIONS: Final = PointWrite(
    sa.insert(CHECKPOINT_EXECUTIONS), columns=[column.name for column in CHECKPOINT_EXECUTIONS.c]
)
_FIND_EXECUTIONS: Final = (
    sa.select(CHECKPOINT_EXECUTIONS.c.executions)
    .where(CHECKPOINT_EXECUTIONS.c.job_id == sa.bindparam("job"))
    .order_by(CHECKPOINT_EXECUTIONS.c.executions_before)
)
_DELETE_BEHIND: Final = sa.delete(CHECKPOINT_EXECUTIONS).where(
    CHECKPOINT_EXECUTIONS.c.job_id == sa.bindparam("at_job"),
    CHECKPOINT_EXECUTIONS.c.executions_before >= sa.bindparam("before"),
)
