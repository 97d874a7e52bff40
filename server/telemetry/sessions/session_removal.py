"""Removes sessions with everything that belongs to them, in steps that hold up no other unit of work for long."""

from typing import Final

import sqlalchemy as sa

from server.database.database import Database
from server.telemetry.events import event_store
from server.telemetry.sessions import session_store

# Events that are removed in one unit of work.
STEP: Final = 2_000


async def remove_session(database: Database, number: int) -> bool:
    """Remove the session of that number with its events; False when somebody else has removed it already."""
    while await database.write(lambda connection: event_store.remove_of_session(connection, number, STEP)) == STEP:
        pass

    def work(connection: sa.Connection) -> int:
        # Removing events holds the session: what was logged since the last step goes too, and then nothing comes.
        while event_store.remove_of_session(connection, number, STEP):
            pass
        return session_store.remove(connection, [number])

    return await database.write(work) == 1
