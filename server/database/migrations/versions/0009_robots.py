"""Robots, the keys they enrol with, and their tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "robots",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("hostname", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("takes_lan", sa.Boolean, nullable=False),
        sa.Column("takes_internet", sa.Boolean, nullable=False),
        sa.Column("max_jobs", sa.Integer, nullable=False),
        sa.Column("draining", sa.Boolean, nullable=False),
        sa.Column("worker", sa.Boolean, nullable=False),
        sa.Column("removed", sa.Boolean, nullable=False),
        sa.Column("register_time", sa.BigInteger, nullable=False),
        sa.Column("change_time", sa.BigInteger, nullable=False),
        sa.Column("last_heartbeat", sa.BigInteger, nullable=False),
        sa.Column("stopped", sa.Boolean, nullable=False),
        sa.Column("told_online", sa.Boolean, nullable=False),
        sa.Column("cpu_percent", sa.Double),
        sa.Column("memory_mb", sa.Double),
        sa.Column("memory_percent", sa.Double),
    )
    op.create_index("ix_robots_changed", "robots", ["change_time"])
    op.create_table(
        "robot_enrolments",
        sa.Column("key_hash", sa.Text, primary_key=True),
        sa.Column("robot_id", sa.Text),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("expire_time", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_robot_enrolments_expire", "robot_enrolments", ["expire_time"])
    op.create_table(
        "robot_tokens",
        sa.Column("token_hash", sa.Text, primary_key=True),
        sa.Column("robot_id", sa.Text, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("expire_time", sa.BigInteger, nullable=False),
        sa.Column("used", sa.Boolean, nullable=False),
    )
    op.create_index("ix_robot_tokens_robot", "robot_tokens", ["robot_id"])
    op.create_index("ix_robot_tokens_expire", "robot_tokens", ["expire_time"])


def downgrade() -> None:
    """Drop the tables."""
    for table in ("robot_tokens", "robot_enrolments", "robots"):
        op.drop_table(table)
