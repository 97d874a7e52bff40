"""Replaces connections to Postgres that died in the pool, so that a restart costs no caller an error.

SQLAlchemy's own `pool_pre_ping` asks at each use, three round trips before every unit of work. A connection that was
closed is known here without asking; only one that has been idle is asked, as its other end may be gone without a word.
"""

import time
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import DisconnectionError

# A connection that lay in the pool for so long is asked before it is used.
IDLE_SECONDS: Final = 5.0
IDLE_SINCE: Final = "idle_since"


def look_after(engine: sa.Engine, *, idle_seconds: float = IDLE_SECONDS) -> None:
    """Have each connection of `engine` looked at before it is used."""
    driver_error = engine.dialect.loaded_dbapi.Error

    def lay_down(_connection: Any, record: Any) -> None:
        record.info[IDLE_SINCE] = time.monotonic()

    def take_up(connection: Any, record: Any, _holder: Any) -> None:
        if connection.driver_connection.is_closed():
            raise DisconnectionError
        if time.monotonic() - record.info.get(IDLE_SINCE, time.monotonic()) < idle_seconds:
            return
        try:
            connection.ping()
        except driver_error as error:
            raise DisconnectionError from error

    sa.event.listen(engine, "checkin", lay_down)
    sa.event.listen(engine, "checkout", take_up)
