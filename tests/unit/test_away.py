"""What an error of the database says: that it is away, that it cannot work now, or something about what was asked."""

import sqlite3
from typing import Final

import pytest
import sqlalchemy as sa

from server.database.away import BREAKS, is_away, is_hindered


class OfPostgres(Exception):
    def __init__(self, sqlstate: str) -> None:
        self.sqlstate = sqlstate


def of_postgres(sqlstate: str, *, kind: type[sa.exc.DBAPIError] = sa.exc.DBAPIError) -> sa.exc.DBAPIError:
    """Return an error as it comes through asyncpg, which has no class for those of the server's operation."""
    return kind("SELECT 1", None, OfPostgres(sqlstate))


LOST: Final = sa.exc.InterfaceError("SELECT 1", None, Exception("connection is closed"), connection_invalidated=True)

# Source of the codes: PostgreSQL, appendix A.
AWAY: Final = [
    ConnectionRefusedError(),
    sa.exc.TimeoutError("no connection came free"),
    of_postgres("08006"),
    of_postgres("57P01"),
    of_postgres("57P03"),
    LOST,
]
HINDERED: Final = [
    OSError("no space left on device"),
    sqlite3.OperationalError("database is locked"),
    sa.exc.OperationalError("COMMIT", None, sqlite3.OperationalError("database or disk is full")),
    of_postgres("40P01"),  # deadlock_detected
    of_postgres("53100"),  # disk_full
    of_postgres("53300"),  # too_many_connections
    of_postgres("57014"),  # query_canceled
    of_postgres("58030"),  # io_error
    of_postgres("25006"),  # read_only_sql_transaction: a standby that has not taken over yet
]
ABOUT_WHAT_WAS_ASKED: Final = [
    of_postgres("22003"),  # numeric_value_out_of_range
    of_postgres("23505", kind=sa.exc.IntegrityError),
    of_postgres("42601", kind=sa.exc.ProgrammingError),
    # A value that asyncpg cannot send, which is an InterfaceError, too.
    sa.exc.InterfaceError("SELECT 1", None, Exception("invalid input for query argument $1")),
    sa.exc.IntegrityError("INSERT", None, sqlite3.IntegrityError("UNIQUE constraint failed")),
    sqlite3.ProgrammingError("Error binding parameter 1"),
]


@pytest.mark.parametrize("error", AWAY, ids=repr)
def test_a_database_that_is_away_cannot_work(error: Exception) -> None:
    assert is_away(error)
    assert is_hindered(error)


@pytest.mark.parametrize("error", HINDERED, ids=repr)
def test_a_database_may_be_there_and_not_be_able_to_work(error: Exception) -> None:
    assert not is_away(error)
    assert is_hindered(error)


@pytest.mark.parametrize("error", ABOUT_WHAT_WAS_ASKED, ids=repr)
def test_other_errors_speak_of_what_was_asked(error: Exception) -> None:
    assert not is_away(error)
    assert not is_hindered(error)


@pytest.mark.parametrize("error", [*AWAY, *HINDERED, *ABOUT_WHAT_WAS_ASKED], ids=repr)
def test_each_of_them_breaks_off_a_turn_of_work(error: Exception) -> None:
    assert isinstance(error, BREAKS)


def test_a_fault_of_ours_is_none_of_them() -> None:
    error = KeyError("a fault")

    assert not is_hindered(error)
    assert not isinstance(error, BREAKS)
