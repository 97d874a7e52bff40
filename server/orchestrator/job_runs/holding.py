"""Whether a job is in the hands of whoever asks."""

from typing import Protocol

import sqlalchemy as sa

from server.errors import LeaseLost
from server.orchestrator.jobs.new_job import KINDS
from server.tasks import store
from server.tasks.task import TaskRow


class Claimed(Protocol):
    """What every request of a run has."""

    robot_id: str
    job_id: str
    fencing_token: int


def require(connection: sa.Connection, asked: Claimed, *, tenant_id: str | None) -> TaskRow:
    """Return the job, locked, if the robot of `asked` holds it and a caller of `tenant_id` may see it; None sees all.

    Raises:
        LeaseLost: somebody else has it, it has ended, or there is no such job.
    """
    row = store.held(connection, asked.job_id, asked.fencing_token)
    theirs = tenant_id is None or row.tenant == tenant_id
    if row.kind not in KINDS or row.worker_id != asked.robot_id or not theirs:
        raise LeaseLost(asked.job_id)
    return row
