"""The tables of the kernel. Times are micros."""

from typing import Final

import sqlalchemy as sa

from server.database.metadata import METADATA, NUMBER
from switchyard.tasks.v1.task_pb2 import Task

# Conditions of partial indexes. Queries repeat them word for word, or the index is not used.
WAITING: Final = sa.text(f"state = {Task.STATE_QUEUED}")
LEASED: Final = sa.text(f"state IN ({Task.STATE_RUNNING}, {Task.STATE_CANCELLING})")
KEPT: Final = sa.text("end_time IS NOT NULL AND prune_time IS NULL")

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
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("result", sa.LargeBinary),
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
    sa.UniqueConstraint("id"),
    sa.Index("ix_tasks_subject", "subject", "kind", "number"),
    sa.Index(
        "ix_tasks_waiting", "priority", "number", "kind", "not_before", sqlite_where=WAITING, postgresql_where=WAITING
    ),
    sa.Index("ix_tasks_leased", "lease_expire_time", sqlite_where=LEASED, postgresql_where=LEASED),
    sa.Index("ix_tasks_limited", "concurrency_key", sqlite_where=LEASED, postgresql_where=LEASED),
    sa.Index("ix_tasks_kept", "kind", "end_time", sqlite_where=KEPT, postgresql_where=KEPT),
)

# No foreign key: it would cost a look-up for each line, and lines go with their Task in `store.delete_of_subject`.
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
