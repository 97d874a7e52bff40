"""Starts the peers of a benchmark as processes of their own, and ends them."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

import httpx

from benchmarks.peers.items import LIST
from tests.end_to_end.system import wait_until
from tests.ports import free_port

# The ASGI servers that an application is measured on.
SERVERS: Final = ("uvicorn", "granian")


@contextmanager
def peer(module: str, *arguments: str | int, answers: str | None = LIST) -> Iterator[int]:
    """Run `benchmarks.peers.<module> PORT ARGUMENTS...` and yield its port once the path `answers` does."""
    port = free_port()
    command = [sys.executable, "-m", f"benchmarks.peers.{module}", str(port), *map(str, arguments)]
    process = subprocess.Popen(command)
    try:
        if answers is not None:
            wait_until(
                lambda: process.poll() is not None or is_up(port, answers),
                timeout=30,
                what=lambda: f"{module} is silent",
            )
            if process.poll() is not None:
                raise AssertionError(f"{module} has ended with {process.returncode}")
        yield port
    finally:
        process.terminate()
        process.wait()


def application(module: str, server: str = "uvicorn") -> AbstractContextManager[int]:
    """As `peer`, for an ASGI application of `benchmarks.peers` on one of the two servers."""
    return peer("http_server", server, module)


def is_up(port: int, path: str) -> bool:
    """Whether a server answers the path well."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
