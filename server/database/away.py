"""What is raised when a database does not do as it is told, and whether it is because it cannot be reached."""

import sqlite3
from typing import Final

import sqlalchemy as sa

# What breaks off a turn of work that is done again and again: the disk, the database, its driver, or a pool of which
# every connection is taken. Point reads and insertions raise the driver's own errors.
BREAKS: Final = (OSError, sa.exc.DBAPIError, sa.exc.TimeoutError, sqlite3.Error)

# Source: PostgreSQL, appendix A: connection exceptions; the server is being shut down, has crashed, or is starting.
CONNECTION: Final = "08"
STOPPED: Final = frozenset({"57P01", "57P02", "57P03"})


def is_away(error: BaseException) -> bool:
    """Whether `error` says that the database cannot be reached, or went away in the middle.

    What was being committed then may be done or not; whoever asks again needs an idempotency key.
    """
    if isinstance(error, sa.exc.DBAPIError):
        state = str(getattr(error.orig, "sqlstate", None) or "")
        return error.connection_invalidated or state.startswith(CONNECTION) or state in STOPPED
    # A driver that does not get as far as a connection says so in its own words; the pool when none comes free.
    return isinstance(error, ConnectionError | sa.exc.TimeoutError)
