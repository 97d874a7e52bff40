"""A stand-in as a process of its own: prints the variables of a worker as one line of JSON, and serves."""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol


class Cloud(Protocol):
    """What a stand-in tells of itself."""

    @property
    def variables(self) -> Mapping[str, str]:
        """The variables that a worker needs to work with it."""


def main(opened: Callable[[int], AbstractAsyncContextManager[Cloud]]) -> None:
    """Serve at the port of the command line, any free one without, until told to end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    asyncio.run(_serve(opened, parser.parse_args().port))


async def _serve(opened: Callable[[int], AbstractAsyncContextManager[Cloud]], port: int) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with opened(port) as cloud:
        sys.stdout.write(json.dumps(dict(cloud.variables)) + "\n")
        sys.stdout.flush()
        await ended.wait()
