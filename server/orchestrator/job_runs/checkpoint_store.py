"""Where the runs of jobs are that may be resumed: functions over a connection. What is stored is encrypted already."""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from server.database.point_read import PointRead, PointWrite
from server.orchestrator.tables import JOB_CHECKPOINTS
from server.tasks.task import NewTask, TaskRow


def put(connection: sa.Connection, job_id: str, sealed: bytes, *, now: int) -> None:
    """Store a checkpoint in place of the one before. The caller has locked the job."""
    values = {"at_job": job_id, "now": now, "new_sealed": sealed}
    if _UPDATE.execute(connection, values) == 0:
        _INSERT.execute(connection, {"job_id": job_id, "update_time": now, "sealed": sealed})


def find(connection: sa.Connection, job_id: str) -> bytes | None:
    """Return the checkpoint of a job, None when it has none."""
    row = _FIND.first(connection, job=job_id)
    return None if row is None else bytes(row[0])


def on_job_final(connection: sa.Connection, job: TaskRow, _now: int) -> Sequence[NewTask]:
    """Forget where a job was that has ended. A final hook of the kernel."""
    _DELETE.execute(connection, {"at_job": job.id})
    return ()


_AT: Final = JOB_CHECKPOINTS.c.job_id == sa.bindparam("at_job")
_FIND: Final = PointRead(sa.select(JOB_CHECKPOINTS.c.sealed).where(JOB_CHECKPOINTS.c.job_id == sa.bindparam("job")))
_INSERT: Final = PointWrite(sa.insert(JOB_CHECKPOINTS), columns=[column.name for column in JOB_CHECKPOINTS.c])
_UPDATE: Final = PointWrite(
    sa.update(JOB_CHECKPOINTS).where(_AT).values(update_time=sa.bindparam("now"), sealed=sa.bindparam("new_sealed"))
)
_DELETE: Final = PointWrite(sa.delete(JOB_CHECKPOINTS).where(_AT))
