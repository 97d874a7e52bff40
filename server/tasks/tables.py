"""The tables of the kernel. Times are micros."""

from typing import Final

import sqlalchemy as sa

from server.database.metadata import METADATA, NUMBER
from switchyard.tasks.v1.task_pb2 import Task

# Conditions of partial indexes. Queries repeat them word for word, or the index is not used.
WAITING: Final = sa.text(f"state = {Task.STATE_QUEUED}")
# Tasks with a limit of their own, which are claimed subject by subject.
LIMITED_WAITING: Final = sa.text(f"{WAITING.text} AND concurrency_key <> ''")
LEASED: Final = sa.text(f"state IN ({Task.STATE_RUNNING}, {Task.STATE_CANCELLING})")
KEPT: Final = sa.text("end_time IS NOT NULL AND prune_time IS NULL")
# Jobs are Tasks that run workflows.
JOB: Final = sa.text("kind IN ('run_workflow', 'run_workflow_internet')")
CLAIMED_JOB: Final = sa.text(f"{JOB.text} AND last_worker_id <> ''")
TENANT_JOB: Final = sa.text(f"{JOB.text} AND tenant <> ''")
CLAIMED_TENANT_JOB: Final = sa.text(f"{JOB.text} AND tenant <> '' AND last_worker_id <> ''")
ENDED_JOB: Final = sa.text(f"{JOB.text} AND end_time IS NOT NULL")
UNSUMMED_JOB: Final = sa.text(f"{ENDED_JOB.text} AND summed = 0")


def _partial(name: str, *columns: str, where: sa.TextClause) -> sa.Index:
    return sa.Index(name, *columns, sqlite_where=where, postgresql_where=where)


# The columns stand in the order of `TaskRow`.
TASKS: Final = sa.Table(
    "tasks",
    METADATA,
    # Order of creation; tells the age where two times are equal.
    sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("state", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("max_attempts", sa.Integer, nullable=False),
    sa.Column("not_before", sa.BigInteger),
    sa.Column("attempt_timeout_seconds", sa.Integer, nullable=False),
    sa.Column("worker_id", sa.Text, nullable=False),
    sa.Column("worker_host", sa.Text, nullable=False),
    sa.Column("lease_expire_time", sa.BigInteger),
    sa.Column("fencing_token", sa.BigInteger, nullable=False),
    # The newest accepted FinishTask: its token and the state it was answered with.
    sa.Column("finish_token", sa.BigInteger, nullable=False),
    sa.Column("finish_state", sa.Integer, nullable=False),
    sa.Column("progress_fraction", sa.Double),
    sa.Column("progress_message", sa.Text, nullable=False),
    sa.Column("progress_time", sa.BigInteger),
    sa.Column("error_type", sa.Text, nullable=False),
    sa.Column("error_message", sa.Text, nullable=False),
    sa.Column("receipt", sa.LargeBinary),
    sa.Column("exit_code", sa.Integer),
    sa.Column("cost_credits", sa.Double),
    sa.Column("create_time", sa.BigInteger, nullable=False),
    sa.Column("start_time", sa.BigInteger),
    sa.Column("end_time", sa.BigInteger),
    sa.Column("cancel_time", sa.BigInteger),
    sa.Column("cancel_reason", sa.Text, nullable=False),
    sa.Column("concurrency_key", sa.Text, nullable=False),
    sa.Column("concurrency_limit", sa.Integer, nullable=False),
    sa.Column("log_line_count", sa.BigInteger, nullable=False),
    # Lines that were stored before the newest claim.
    sa.Column("log_offset", sa.BigInteger, nullable=False),
    sa.Column("prune_time", sa.BigInteger),
    # What lists call it.
    sa.Column("title", sa.Text, nullable=False, server_default=""),
    # Who made the newest attempt; stays when its lease is over.
    sa.Column("last_worker_id", sa.Text, nullable=False, server_default=""),
    # 1 once the end of a job is part of the sums of the orchestrator. Rows that somebody else wrote begin with 0.
    sa.Column("summed", sa.Integer, nullable=False, server_default="0"),
    # Large values stand last: SQLite reads through them to get at what stands behind.
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("result", sa.LargeBinary),
    sa.UniqueConstraint("id"),
    sa.Index("ix_tasks_subject", "subject", "kind", "number"),
    _partial("ix_tasks_waiting", "priority", "number", "kind", "not_before", where=WAITING),
    _partial("ix_tasks_waiting_subject", "subject", "kind", "priority", "number", where=LIMITED_WAITING),
    _partial("ix_tasks_leased", "lease_expire_time", where=LEASED),
    _partial("ix_tasks_limited", "concurrency_key", where=LEASED),
    _partial("ix_tasks_kept", "kind", "end_time", where=KEPT),
    # Lists of jobs, one for each set of filters: each state is a range of it, the newest job at its end.
    _partial("ix_tasks_jobs", "state", "number", where=JOB),
    _partial("ix_tasks_jobs_subject", "subject", "state", "number", where=JOB),
    _partial("ix_tasks_jobs_worker", "last_worker_id", "state", "number", where=CLAIMED_JOB),
    _partial("ix_tasks_jobs_subject_worker", "subject", "last_worker_id", "state", "number", where=CLAIMED_JOB),
    _partial("ix_tasks_jobs_tenant", "tenant", "state", "number", where=TENANT_JOB),
    _partial("ix_tasks_jobs_tenant_worker", "tenant", "last_worker_id", "state", "number", where=CLAIMED_TENANT_JOB),
    _partial("ix_tasks_jobs_ended", "end_time", where=ENDED_JOB),
    _partial("ix_tasks_jobs_unsummed", "end_time", where=UNSUMMED_JOB),
)

# May be claimed by now.
DUE: Final = sa.or_(TASKS.c.not_before.is_(None), TASKS.c.not_before <= sa.bindparam("now"))

# How many Tasks there are by state, and how many were created by day (days since 1970-01-01, UTC). Triggers keep them,
# so that nobody who writes rows can forget it. What counts is the sum over `shard`; one of its rows may be negative.
TASK_COUNTS: Final = sa.Table(
    "task_counts",
    METADATA,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("state", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("shard", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("tasks", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
TASK_DAYS: Final = sa.Table(
    "task_days",
    METADATA,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("shard", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("tasks", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# No foreign key: it would cost a look-up for each line, and lines go with their Task in `pruning.delete_of_subject`.
LOG_LINES: Final = sa.Table(
    "log_lines",
    METADATA,
    sa.Column("task_id", sa.Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("time", sa.BigInteger, nullable=False),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)

ARTIFACTS: Final = sa.Table(
    "artifacts",
    METADATA,
    sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.id"), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    # Name of the file in the folder of the Task; never made from `name`.
    sa.Column("file", sa.Text, nullable=False),
    sa.Column("kind", sa.Integer, nullable=False),
    sa.Column("content_type", sa.Text, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("create_time", sa.BigInteger, nullable=False),
)
