"""The socket of a holder, through which commands are run in its environment.

A caller sends {"arguments": [...]} as one line, and gets {"line": text} for each line that is printed, then
{"exit_code": number}. When the caller leaves, the command ends. Paths of sockets may be no longer than 107 bytes
(unix(7)); through the descriptor of its folder any can be named.
"""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

# One line to or from a holder: arguments, or a line of a log as JSON.
MESSAGE_BYTES: Final = 1024 * 1024


class NobodyListens(Exception):
    """The environment does not run."""


def listening(path: Path) -> socket.socket:
    """Return a socket that listens there, in place of one that was left behind."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    with _reachable(path) as address:
        listener.bind(address)
    path.chmod(0o600)
    listener.listen()
    return listener


async def run(path: Path, arguments: Sequence[str]) -> AsyncIterator[str | int]:
    """Run a command in an environment; yield each line it prints, and at last its exit code.

    Raises:
        NobodyListens: the environment does not run, or has ended meanwhile.
    """
    try:
        with _reachable(path) as address:
            reader, writer = await asyncio.open_unix_connection(address, limit=MESSAGE_BYTES)
    except OSError as error:
        raise NobodyListens from error
    try:
        writer.write(message({"arguments": list(arguments)}))
        await writer.drain()
        while line := await reader.readline():
            answer: dict[str, Any] = json.loads(line)
            yield answer["line"] if "line" in answer else int(answer["exit_code"])
            if "exit_code" in answer:
                return
    except OSError as error:
        raise NobodyListens from error
    finally:
        writer.close()
    raise NobodyListens


def message(content: dict[str, object]) -> bytes:
    """Return a message as it is sent."""
    return json.dumps(content).encode() + b"\n"


@contextmanager
def _reachable(path: Path) -> Iterator[str]:
    """Yield a short name of a socket's path."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
