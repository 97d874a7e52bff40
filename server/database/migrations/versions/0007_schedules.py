"""Schedules, and the ledger of what became of each of their fire times."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
HAS_NEXT_RUN = sa.text("next_run IS NOT NULL")
LIVE = sa.text("live = 1")
TOO_MANY_RECORDS = sa.text("record_count > 10000")


def upgrade() -> None:
    """Create the tables."""
    _create_schedules()
    _create_occurrences()


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("occurrences")
    op.drop_table("schedules")


def _create_schedules() -> None:
    op.create_table(
        "schedules",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("workflow_id", sa.Text, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("cron", sa.Text, nullable=False),
        sa.Column("zone", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("mode", sa.Integer, nullable=False),
        sa.Column("catch_up", sa.Integer, nullable=False),
        sa.Column("overlap", sa.Integer, nullable=False),
        sa.Column("next_run", sa.BigInteger),
        sa.Column("last_run", sa.BigInteger),
        sa.Column("run_count", sa.BigInteger, nullable=False),
        sa.Column("failure_count", sa.BigInteger, nullable=False),
        sa.Column("record_count", sa.BigInteger, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("update_time", sa.BigInteger, nullable=False),
        sa.Column("variables", sa.Text, nullable=False),
        sa.Column("metadata", sa.Text, nullable=False),
        sa.UniqueConstraint("id", name="uq_schedules_id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_schedules_due", "schedules", ["next_run"], sqlite_where=HAS_NEXT_RUN, postgresql_where=HAS_NEXT_RUN
    )
    op.create_index("ix_schedules_workflow", "schedules", ["workflow_id", "number"])
    op.create_index("ix_schedules_tenant", "schedules", ["tenant", "number"])
    op.create_index(
        "ix_schedules_full",
        "schedules",
        ["record_count"],
        sqlite_where=TOO_MANY_RECORDS,
        postgresql_where=TOO_MANY_RECORDS,
    )


def _create_occurrences() -> None:
    op.create_table(
        "occurrences",
        sa.Column("schedule_number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("fire_time", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("by_hand", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("job_id", sa.Text),
        sa.Column("live", sa.Integer, nullable=False),
        sa.Column("record_time", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_occurrences_live",
        "occurrences",
        ["schedule_number", "job_id"],
        sqlite_where=LIVE,
        postgresql_where=LIVE,
    )
