"""Opens the database that the settings name, and says in one line why it cannot be opened."""

import sqlalchemy as sa

from server.config import ConfigInvalid, ServerConfig
from server.database.database import Database, DatabaseUrlInvalid, open_database
from server.database.schema import SchemaTooNew, SchemaTooOld


async def open_configured_database(config: ServerConfig, *, migrate: bool) -> Database:
    """Open the database and bring its schema up to date, or with `migrate` False only look whether it is.

    Raises:
        ConfigInvalid: it cannot be opened, or its schema is not the one that this program needs. The cause tells.
    """
    try:
        return await open_database(config.database_url, migrate=migrate)
    except (DatabaseUrlInvalid, SchemaTooNew, SchemaTooOld) as error:
        raise ConfigInvalid(f"DATABASE_URL: {error}") from error
    except (OSError, sa.exc.DBAPIError) as error:
        reason = str(getattr(error, "orig", error)).partition("\n")[0]
        raise ConfigInvalid(f"DATABASE_URL: the database cannot be opened: {reason}") from error
