"""Tables of users, their sessions and wrong passwords. Times are microseconds since the epoch, UTC."""

from typing import Final

import sqlalchemy as sa

from server.database.metadata import METADATA

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
