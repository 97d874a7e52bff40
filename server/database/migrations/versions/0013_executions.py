"""What the runs of jobs that may be resumed had executed."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "checkpoint_executions",
        sa.Column("job_id", sa.Text, primary_key=True),
        sa.Column("executions_before", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("executions", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("checkpoint_executions")
