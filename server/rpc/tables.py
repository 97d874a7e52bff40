"""The table of calls that may be repeated under one key. Times are microseconds since the epoch, UTC."""

from typing import Final

import sqlalchemy as sa

from server.database.metadata import METADATA

# `response` is the serialized answer, NULL only within the transaction that makes it.
IDEMPOTENCY_KEYS: Final = sa.Table(
    "idempotency_keys",
    METADATA,
    sa.Column("caller", sa.Text, primary_key=True),
    sa.Column("method", sa.Text, primary_key=True),
    sa.Column("request_key", sa.Text, primary_key=True),
    sa.Column("request_hash", sa.LargeBinary, nullable=False),
    sa.Column("response", sa.LargeBinary),
    sa.Column("create_time", sa.BigInteger, nullable=False),
    sa.Index("idempotency_keys_create_time", "create_time"),
)
