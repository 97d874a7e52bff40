"""Tables of users, their sessions, wrong passwords and API tokens, and of the audit log.

Times are microseconds since the epoch, UTC.
"""

from typing import Final

import sqlalchemy as sa

from server.database.metadata import METADATA, NUMBER

# `roles` are names joined by commas, the highest first. `tenant_id` NULL sees every tenant.
USERS: Final = sa.Table(
    "users",
    METADATA,
    sa.Column("username", sa.Text, primary_key=True),
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("roles", sa.Text, nullable=False),
    sa.Column("tenant_id", sa.Text),
    sa.Column("create_time", sa.BigInteger, nullable=False),
    sa.Column("update_time", sa.BigInteger, nullable=False),
)

# A login, while it lasts: tokens are good only as long as their row is here. `refresh_id` names the one refresh token
# that may be used next, `expire_time` is its end.
SESSIONS: Final = sa.Table(
    "sessions",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("refresh_id", sa.Text, nullable=False),
    sa.Column("create_time", sa.BigInteger, nullable=False),
    sa.Column("expire_time", sa.BigInteger, nullable=False),
    sa.Index("sessions_username", "username"),
    sa.Index("sessions_expire_time", "expire_time"),
)

LOGIN_FAILURES: Final = sa.Table(
    "login_failures",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("fail_time", sa.BigInteger, nullable=False),
    sa.Index("login_failures_address", "address", "fail_time"),
    sa.Index("login_failures_fail_time", "fail_time"),
)

# `digest` is the SHA-256 of the secret, which is stored nowhere. `maker` is the user behind the token, who bounds what
# it can do; NULL for one that was made with the API key. `scopes` are joined by commas, "" for everything.
API_TOKENS: Final = sa.Table(
    "api_tokens",
    METADATA,
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
    sa.Index("api_tokens_id", "id", unique=True),
    sa.Index("api_tokens_digest", "digest", unique=True),
    sa.Index("api_tokens_maker", "maker"),
)

# Who changed what, and who was turned away. `calls` is above 1 only for denials of one kind, told together.
AUDIT_ENTRIES: Final = sa.Table(
    "audit_entries",
    METADATA,
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
    sa.Index("audit_entries_time", "time"),
    sa.Index("audit_entries_actor", "actor"),
)
