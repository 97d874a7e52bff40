"""What is raised when a database does not do as it is told, and what that says.

Three answers, each of which holds whenever the one before it does:

- it is away (`is_away`): whoever called is told to come back, by UNAVAILABLE;
- it cannot work now (`is_hindered`), whatever it is asked: nobody is to blame what was asked, and work that is done row
  by row ends its turn, rather than to try the next row;
- something has gone wrong with it at all (`BREAKS`): a turn of work that is done again and again is over, and the next
  one goes on.
"""

import sqlite3
from typing import Final

import sqlalchemy as sa

# The disk, the database, its driver, or a pool of which every connection is taken. Point reads and insertions raise the
# driver's own errors.
BREAKS: Final = (OSError, sa.exc.DBAPIError, sa.exc.TimeoutError, sqlite3.Error)

# Source: PostgreSQL, appendix A. Through asyncpg these tell errors apart, and not the classes of the DB API: what a
# server says of its operation is a DBAPIError like any other, and a value that cannot be sent is an InterfaceError.
# Connection exceptions; the server is being shut down, has crashed, or is starting.
CONNECTION: Final = "08"
STOPPED: Final = frozenset({"57P01", "57P02", "57P03"})
# Units that hindered one another, insufficient resources, intervention of an operator, the system around it.
HINDRANCES: Final = frozenset({"40", "53", "57", "58"})
# Nothing can be written at a standby that has not taken over yet.
READ_ONLY: Final = "25006"


def is_away(error: BaseException) -> bool:
    """Whether `error` says that the database cannot be reached, or went away in the middle.

    What was being committed then may be done or not; whoever asks again needs an idempotency key.
    """
    if isinstance(error, sa.exc.DBAPIError):
        state = _sqlstate(error)
        return error.connection_invalidated or state.startswith(CONNECTION) or state in STOPPED
    # A driver that does not get as far as a connection says so in its own words; the pool when none comes free.
    return isinstance(error, ConnectionError | sa.exc.TimeoutError)


def is_hindered(error: BaseException) -> bool:
    """Whether `error` says that the database cannot work now: away, locked, out of disk, memory or connections."""
    if is_away(error):
        return True
    if isinstance(error, sa.exc.DBAPIError) and (state := _sqlstate(error)):
        return state[:2] in HINDRANCES or state == READ_ONLY
    # SQLite has no such codes.
    return isinstance(error, OSError | sa.exc.OperationalError | sqlite3.OperationalError)


def _sqlstate(error: sa.exc.DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", None) or "")
