"""Workflows, their versions, and the types of nodes that workers know."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "workflows",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("folded_name", sa.Text, nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("trigger_type", sa.Integer, nullable=False),
        sa.Column("execution_mode", sa.Integer, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("timeout_seconds", sa.Integer, nullable=False),
        sa.Column("node_count", sa.Integer, nullable=False),
        sa.Column("metadata", sa.Text, nullable=False),
        sa.Column("webhook_hash", sa.Text),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("update_time", sa.BigInteger, nullable=False),
        sa.Column("delete_time", sa.BigInteger),
        sa.UniqueConstraint("id", name="uq_workflows_id"),
        sqlite_autoincrement=True,
    )
    _create_index("ix_workflows_tenant", ["tenant", "number"], sa.text("delete_time IS NULL"))
    _create_index("ix_workflows_deleted", ["number"], sa.text("delete_time IS NOT NULL"))
    _create_index("ix_workflows_webhook", ["webhook_hash"], sa.text("webhook_hash IS NOT NULL"))
    op.create_table(
        "workflow_versions",
        sa.Column("workflow_number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("node_count", sa.Integer, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("workflow_json", sa.Text, nullable=False),
        sa.Column("graph", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "node_types",
        sa.Column("version", sa.Text, primary_key=True),
        sa.Column("published", sa.LargeBinary, nullable=False),
        sa.Column("publish_time", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("node_types", "workflow_versions", "workflows"):
        op.drop_table(table)


def _create_index(name: str, columns: list[str], where: sa.TextClause) -> None:
    op.create_index(name, "workflows", columns, sqlite_where=where, postgresql_where=where)
