"""ComfyUI sessions, their graphs and prompts, and claims of one subject."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
LIMITED_WAITING = sa.text("state = 1 AND concurrency_key <> ''")


def upgrade() -> None:
    """Create the tables and the index."""
    op.create_index(
        "ix_tasks_waiting_subject",
        "tasks",
        ["subject", "kind", "priority", "number"],
        sqlite_where=LIMITED_WAITING,
        postgresql_where=LIMITED_WAITING,
    )
    op.create_table(
        "comfy_sessions",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("mode", sa.Integer, nullable=False),
        sa.Column("on_restart", sa.Integer, nullable=False),
        sa.Column("headless", sa.Boolean, nullable=False),
        sa.Column("wanted_port", sa.Integer),
        sa.Column("port", sa.Integer),
        sa.Column("frontend_version", sa.Text),
        sa.Column("ready_time", sa.BigInteger),
        sa.Column("active_time", sa.BigInteger, nullable=False),
        sa.Column("dismissed", sa.Boolean, nullable=False),
        sa.Column("closing", sa.Boolean, nullable=False),
        sa.Column("workflow_open", sa.Boolean, nullable=False),
        sa.Column("workflow_path", sa.Text),
        sa.Column("node_count", sa.Integer),
        sa.Column("graph_count", sa.Integer, nullable=False),
        sa.Column("credentials", sa.LargeBinary),
        sa.Column("browser_endpoint", sa.LargeBinary),
    )
    op.create_index("ix_comfy_sessions_id", "comfy_sessions", ["id"], unique=True)
    op.create_index("ix_comfy_sessions_tenant", "comfy_sessions", ["tenant", "number"])
    op.create_table(
        "comfy_graphs",
        sa.Column("session_id", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("graph", sa.Text, nullable=False),
        sa.Column("workflow", sa.Text, nullable=False),
    )
    op.create_table(
        "comfy_prompts",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("session", sa.Text, nullable=False),
        sa.Column("session_id", sa.Text, nullable=False),
        sa.Column("comfy_prompt_id", sa.Text),
    )
    op.create_index("ix_comfy_prompts_id", "comfy_prompts", ["id"], unique=True)
    for column in ("tenant", "session", "session_id"):
        op.create_index(f"ix_comfy_prompts_{column}", "comfy_prompts", [column, "number"])


def downgrade() -> None:
    """Drop them."""
    for table in ("comfy_prompts", "comfy_graphs", "comfy_sessions"):
        op.drop_table(table)
    op.drop_index("ix_tasks_waiting_subject", "tasks")
