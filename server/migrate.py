"""`python -m server.migrate` brings the schema of the database up to date, apart from any server.

For installations of several servers, which are told MIGRATE_AT_START=false: one job changes the schema, and servers
wait for it with --check --wait. Any number of these programs may run at once; one of them does the work.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Sequence
from typing import Final

from server.config import ConfigInvalid, ServerConfig
from server.configured_database import open_configured_database
from server.database.schema import NEWEST, SchemaTooNew

PAUSE_SECONDS: Final = 0.5


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 when the schema is the one this program needs, 1 when it is not, 2 when a setting cannot be used."""
    asked = read_arguments(arguments)
    try:
        config = ServerConfig.from_environment(os.environ)
    except ConfigInvalid as refusal:
        print(f"switchyard migrate: {refusal}", file=sys.stderr)  # noqa: T201 - the one line an operator looks for
        return 2
    try:
        asyncio.run(see_to_schema(config, migrate=not asked.check, end=time.monotonic() + asked.wait))
    except ConfigInvalid as refusal:
        print(f"switchyard migrate: {refusal}", file=sys.stderr)  # noqa: T201 - as above
        return 1
    print(f"switchyard migrate: the database has schema {NEWEST}")  # noqa: T201 - its answer
    return 0


def read_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line. Exits with 2 and a message when it is wrong."""
    parser = argparse.ArgumentParser(
        prog="switchyard migrate", description="Brings the schema of DATABASE_URL up to date."
    )
    parser.add_argument("--check", action="store_true", help="change nothing; say whether it is")
    parser.add_argument(
        "--wait",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="go on so long while the database cannot be reached, or with --check is not up to date (0)",
    )
    return parser.parse_args(arguments)


async def see_to_schema(config: ServerConfig, *, migrate: bool, end: float) -> None:
    """Try until the monotonic time `end`.

    Raises:
        ConfigInvalid: the last try found the database away, or its schema another one.
    """
    while True:
        try:
            database = await open_configured_database(config, migrate=migrate)
        except ConfigInvalid as refusal:
            if isinstance(refusal.__cause__, SchemaTooNew) or time.monotonic() >= end:
                raise
            await asyncio.sleep(PAUSE_SECONDS)
        else:
            await database.close()
            return


if __name__ == "__main__":
    sys.exit(main())
