"""Bot instances, webhooks, unfinished log files and folders to remove."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "bot_instances",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("owner_type", sa.Integer, nullable=False),
        sa.Column("owner_id", sa.Text, nullable=False),
        sa.Column("bot_code", sa.Text, nullable=False),
        sa.Column("validation_status", sa.Integer),
        sa.Column("validation_task_id", sa.Text),
        sa.Column("validation_report", sa.LargeBinary),
        sa.Column("last_validated_at", sa.BigInteger),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("update_time", sa.BigInteger, nullable=False),
    )
    op.create_index("bot_instances_create_time", "bot_instances", ["create_time", "id"])
    op.create_index("bot_instances_owner_id", "bot_instances", ["owner_id", "create_time"])
    op.create_table(
        "webhooks",
        sa.Column("instance_id", sa.Text, primary_key=True),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("update_time", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "unfinished_log_files",
        sa.Column("task_id", sa.Text, primary_key=True),
        sa.Column("instance_id", sa.Text, nullable=False),
    )
    op.create_index("unfinished_log_files_instance_id", "unfinished_log_files", ["instance_id"])
    op.create_table(
        "folder_removals",
        sa.Column("path", sa.Text, primary_key=True),
        sa.Column("not_before", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("folder_removals", "unfinished_log_files", "webhooks", "bot_instances"):
        op.drop_table(table)
