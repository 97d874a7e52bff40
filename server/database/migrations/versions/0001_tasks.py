"""Tasks, their logs and the files they leave."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

WAITING = sa.text("state = 1")
LEASED = sa.text("state IN (2, 3)")
KEPT = sa.text("end_time IS NOT NULL AND prune_time IS NULL")


def upgrade() -> None:
    """Make the tables `tasks`, `log_lines` and `artifacts`."""
    op.create_table(
        "tasks",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True),
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
        sa.Column("log_offset", sa.BigInteger, nullable=False),
        sa.Column("prune_time", sa.BigInteger),
        sa.PrimaryKeyConstraint("number", name="pk_tasks"),
        sa.UniqueConstraint("id", name="uq_tasks_id"),
    )
    op.create_index("ix_tasks_subject", "tasks", ["subject", "kind", "number"])
    op.create_index(
        "ix_tasks_waiting",
        "tasks",
        ["priority", "number", "kind", "not_before"],
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )
    op.create_index("ix_tasks_leased", "tasks", ["lease_expire_time"], sqlite_where=LEASED, postgresql_where=LEASED)
    op.create_index("ix_tasks_limited", "tasks", ["concurrency_key"], sqlite_where=LEASED, postgresql_where=LEASED)
    op.create_index("ix_tasks_kept", "tasks", ["kind", "end_time"], sqlite_where=KEPT, postgresql_where=KEPT)
    op.create_table(
        "log_lines",
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("task_id", "seq", name="pk_log_lines"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "artifacts",
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("kind", sa.Integer, nullable=False),
        sa.Column("content_type", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("task_id", "name", name="pk_artifacts"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name="fk_artifacts_task_id"),
    )
