"""`python -m workers.robot`: one robot, told on its command line what to be."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence

from workers.robot.credential import CredentialMissing
from workers.robot.robot import run
from workers.robot.settings import Settings, read_settings
from workers.server_link import Refused
from workers.structured_logs import configure_logs


def main(arguments: Sequence[str]) -> None:
    """Run a robot until it is told to stop."""
    settings = read_settings(arguments, os.environ)
    configure_logs(sys.stderr)
    try:
        asyncio.run(_run(settings))
    except (CredentialMissing, Refused) as refusal:
        sys.exit(f"switchyard robot: {refusal}")


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run(settings, stop)


if __name__ == "__main__":
    main(sys.argv[1:])
