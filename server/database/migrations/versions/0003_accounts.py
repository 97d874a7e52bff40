"""Users, sessions, wrong passwords and idempotency keys."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "users",
        sa.Column("username", sa.Text, primary_key=True),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("roles", sa.Text, nullable=False),
        sa.Column("tenant_id", sa.Text),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("update_time", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("username", sa.Text, nullable=False),
        sa.Column("refresh_id", sa.Text, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("expire_time", sa.BigInteger, nullable=False),
    )
    op.create_index("sessions_username", "sessions", ["username"])
    op.create_index("sessions_expire_time", "sessions", ["expire_time"])
    op.create_table(
        "login_failures",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("fail_time", sa.BigInteger, nullable=False),
    )
    op.create_index("login_failures_address", "login_failures", ["address", "fail_time"])
    op.create_index("login_failures_fail_time", "login_failures", ["fail_time"])
    op.create_table(
        "idempotency_keys",
        sa.Column("caller", sa.Text, primary_key=True),
        sa.Column("method", sa.Text, primary_key=True),
        sa.Column("request_key", sa.Text, primary_key=True),
        sa.Column("request_hash", sa.LargeBinary, nullable=False),
        sa.Column("response", sa.LargeBinary),
        sa.Column("create_time", sa.BigInteger, nullable=False),
    )
    op.create_index("idempotency_keys_create_time", "idempotency_keys", ["create_time"])


def downgrade() -> None:
    """Drop the tables."""
    for table in ("idempotency_keys", "login_failures", "sessions", "users"):
        op.drop_table(table)
