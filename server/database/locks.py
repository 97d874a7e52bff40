"""A lock by name that lasts until the transaction ends."""

import hashlib
from typing import Final

import sqlalchemy as sa

ADVISORY_LOCK: Final = sa.text("SELECT pg_advisory_xact_lock(:key)")


def lock(connection: sa.Connection, name: str) -> None:
    """Wait until no other unit of work holds `name`, then hold it until this one is committed or undone.

    What is read afterwards, and decided upon, cannot be changed by another unit that takes the same lock first. On
    SQLite units of work never overlap, so nothing is done there.
    """
    if connection.dialect.name == "postgresql":
        digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
        connection.execute(ADVISORY_LOCK, {"key": int.from_bytes(digest, signed=True)})
