"""What running jobs need: secrets, checkpoints, and workflows by name."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

WORKFLOW_THERE = sa.text("delete_time IS NULL")


def upgrade() -> None:
    """Create the tables and the index."""
    op.create_index(
        "ix_workflows_name",
        "workflows",
        ["tenant", "name"],
        sqlite_where=WORKFLOW_THERE,
        postgresql_where=WORKFLOW_THERE,
    )
    op.create_table(
        "workflow_secrets",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("update_time", sa.BigInteger, nullable=False),
        sa.Column("updated_by", sa.Text, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "job_checkpoints",
        sa.Column("job_id", sa.Text, primary_key=True),
        sa.Column("update_time", sa.BigInteger, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("job_checkpoints", "workflow_secrets"):
        op.drop_table(table)
    op.drop_index("ix_workflows_name", "workflows")
