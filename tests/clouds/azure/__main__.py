"""The stand-in as a program: `python -m tests.clouds.azure --port 8301`. Prints where it is."""

import argparse
import asyncio
import signal

from tests.clouds.azure.cloud import Cloud
from tests.clouds.azure.server import AzureStandIn, serve_until


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.clouds.azure", description="An Azure to test against.")
    parser.add_argument("--port", type=int, default=8301, help="where to listen, on loopback; 0 takes a free one")
    parser.add_argument("--looks", type=int, default=1, help="so often an operation is looked at until it has ended")
    given = parser.parse_args()
    asyncio.run(_serve(AzureStandIn(Cloud(given.looks), given.port)))


async def _serve(stand_in: AzureStandIn) -> None:
    ended = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, ended.set)
    await serve_until(ended, stand_in)


if __name__ == "__main__":
    main()
