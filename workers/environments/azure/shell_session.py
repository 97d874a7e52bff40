"""Commands in a container, through the terminal of a shell that Azure opens there.

Azure starts one program without arguments, and tells neither its exit code nor when its output ends:
https://learn.microsoft.com/azure/container-instances/container-instances-exec#restrictions
So that program is a shell, and what it shall run is typed into it.
"""

import codecs
import secrets
import shlex
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from workers.environments.provider import Output
from workers.environments.typed_command import INTERRUPT, MarkedOutput, typed

# Where the container's own process prints, and so the log of the environment.
CONTAINER_LOG: Final = "/proc/1/fd/1"
_OPEN_SECONDS: Final = 60.0
_MESSAGE_BYTES: Final = 1 << 24


class NoShell(Exception):
    """The terminal cannot be reached, or ended before the command began."""


async def run(address: str, password: str, script: str, output: Output, *, folder: str, into: str = "") -> int | None:
    """Run `script`, for a POSIX shell, in `folder`, and hand over what it prints, or send that to the file `into`.

    Returns its exit code; None when the terminal ended first. Broken off, the script is interrupted.

    Raises:
        NoShell: it was never run.
    """
    marked = MarkedOutput(secrets.token_hex(8), output)
    try:
        async with connect(address, max_size=_MESSAGE_BYTES, open_timeout=_OPEN_SECONDS) as terminal:
            await terminal.send(password)
            for line in typed(script, marked.mark, folder, into):
                await terminal.send(line)
            await _listen(terminal, marked)
    except (OSError, WebSocketException) as error:
        raise NoShell from error
    if not marked.begun:
        raise NoShell
    return marked.exit_code


def once_per_container(script: str) -> str:
    """Return a script that runs `script` unless it was run already since the container was started."""
    return (
        'mkdir "${TMPDIR:-/tmp}/.switchyard-startup" 2>/dev/null || exit 0\n'
        f'sh -c {shlex.quote(script)} || echo "startup script: exit code $?"'
    )


async def _listen(terminal: ClientConnection, marked: MarkedOutput) -> None:
    # A letter may come in two messages.
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    ended = False
    try:
        async for message in terminal:
            ended = marked.take(message if isinstance(message, str) else decoder.decode(message))
            if ended:
                return
    except ConnectionClosed:
        return
    finally:
        if not ended:
            await _interrupt(terminal)


async def _interrupt(terminal: ClientConnection) -> None:
    try:
        await terminal.send(INTERRUPT)
    except ConnectionClosed:
        return
