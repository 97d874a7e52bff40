"""API tokens and the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "api_tokens",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("role", sa.SmallInteger, nullable=False),
        sa.Column("tenant_id", sa.Text),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("maker", sa.Text),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("expire_time", sa.BigInteger),
        sa.Column("use_time", sa.BigInteger),
    )
    op.create_index("api_tokens_id", "api_tokens", ["id"], unique=True)
    op.create_index("api_tokens_digest", "api_tokens", ["digest"], unique=True)
    op.create_index("api_tokens_maker", "api_tokens", ["maker"])
    op.create_table(
        "audit_entries",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("role", sa.SmallInteger, nullable=False),
        sa.Column("tenant_id", sa.Text),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("resource", sa.Text, nullable=False),
        sa.Column("outcome", sa.SmallInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("calls", sa.BigInteger, nullable=False),
    )
    op.create_index("audit_entries_time", "audit_entries", ["time"])
    op.create_index("audit_entries_actor", "audit_entries", ["actor"])


def downgrade() -> None:
    """Drop the tables."""
    for table in ("audit_entries", "api_tokens"):
        op.drop_table(table)
