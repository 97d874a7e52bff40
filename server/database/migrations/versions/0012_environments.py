"""Environments, what is decided about them, their templates and quotas, and what providers have of them."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "environments",
        sa.Column("number", NUMBER, primary_key=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("cloud_provider", sa.Integer, nullable=False),
        sa.Column("cloud_region", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("cpu_cores", sa.Integer, nullable=False),
        sa.Column("memory_gb", sa.Integer, nullable=False),
        sa.Column("storage_gb", sa.Integer, nullable=False),
        sa.Column("base_image", sa.Text),
        sa.Column("template_id", sa.Text),
        sa.Column("image", sa.Text, nullable=False),
        sa.Column("template_ports", sa.LargeBinary),
        sa.Column("startup_script", sa.Text, nullable=False),
        sa.Column("auto_stop_minutes", sa.Integer, nullable=False),
        sa.Column("max_run_minutes", sa.Integer, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("update_time", sa.BigInteger, nullable=False),
        sa.Column("access_time", sa.BigInteger, nullable=False),
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("result", sa.LargeBinary),
        sa.Column("secrets", sa.LargeBinary, nullable=False),
        sa.Column("token_digest", sa.Text, nullable=False),
        sa.Column("running_since", sa.BigInteger),
        sa.Column("run_seconds", sa.BigInteger, nullable=False),
        sa.Column("keep_awake_until", sa.BigInteger),
        sa.Column("keep_awake_task", sa.Text),
        sa.Column("keep_awake_reason", sa.Text, nullable=False),
        sa.Column("report_time", sa.BigInteger),
        sa.Column("ide_time", sa.BigInteger),
        sa.Column("ssh_time", sa.BigInteger),
        sa.Column("ide_connections", sa.Integer, nullable=False),
        sa.Column("ssh_connections", sa.Integer, nullable=False),
        sa.Column("decision_count", sa.BigInteger, nullable=False),
        sa.Column("drift", sa.Text, nullable=False),
        sa.Column("compared_time", sa.BigInteger),
        sa.Column("drive_count", sa.Integer, nullable=False),
    )
    op.create_index("ix_environments_id", "environments", ["id"], unique=True)
    op.create_index("ix_environments_token", "environments", ["token_digest"])
    op.create_index("ix_environments_user", "environments", ["user_id", "number"])
    op.create_index("ix_environments_status", "environments", ["status"])
    op.create_table(
        "environment_decisions",
        sa.Column("environment_number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Integer, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("inputs", sa.Text, nullable=False),
        sa.Column("decide_time", sa.BigInteger, nullable=False),
        sa.Column("task_id", sa.Text),
    )
    op.create_table(
        "environment_schedules",
        sa.Column("number", NUMBER, primary_key=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("environment_number", sa.BigInteger, nullable=False),
        sa.Column("action", sa.Integer, nullable=False),
        sa.Column("cron", sa.Text, nullable=False),
        sa.Column("zone", sa.Text, nullable=False),
        sa.Column("next_run", sa.BigInteger),
        sa.Column("last_run", sa.BigInteger),
    )
    op.create_index("ix_environment_schedules_environment", "environment_schedules", ["environment_number", "number"])
    op.create_index("ix_environment_schedules_next_run", "environment_schedules", ["next_run"])
    op.create_index("ix_environment_schedules_id", "environment_schedules", ["id"], unique=True)
    op.create_table(
        "environment_templates",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("definition", sa.LargeBinary, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("update_time", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "environment_quotas",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("limits", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "found_environments",
        sa.Column("task_id", sa.Text, primary_key=True),
        sa.Column("environment_id", sa.Text, primary_key=True),
        sa.Column("found", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "environment_orphans",
        sa.Column("number", NUMBER, primary_key=True),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("environment_id", sa.Text, nullable=False),
        sa.Column("region", sa.Text, nullable=False),
        sa.Column("resources", sa.Text, nullable=False),
        sa.Column("see_time", sa.BigInteger, nullable=False),
        sa.Column("task_id", sa.Text),
    )
    op.create_index("ix_environment_orphans_name", "environment_orphans", ["provider", "environment_id"], unique=True)
    op.create_table(
        "environment_comparisons",
        sa.Column("provider", sa.Text, primary_key=True),
        sa.Column("compare_time", sa.BigInteger),
        sa.Column("found", sa.Integer, nullable=False),
        sa.Column("corrected", sa.Integer, nullable=False),
        sa.Column("shown", sa.Integer, nullable=False),
        sa.Column("orphans", sa.Integer, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    for table in (
        "environment_comparisons",
        "environment_orphans",
        "found_environments",
        "environment_quotas",
        "environment_templates",
        "environment_schedules",
        "environment_decisions",
        "environments",
    ):
        op.drop_table(table)
