"""Commands in a container, through the terminal of a shell that Azure opens there.

Azure starts one program without arguments, and tells neither its exit code nor when its output ends:
https://learn.microsoft.com/azure/container-instances/container-instances-exec#restrictions
So that program is a shell, and what it shall run is typed into it, between two marks. The second has the exit code.
"""

import base64
import codecs
import secrets
import shlex
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from workers.environments.provider import Output

SHELL: Final = "/bin/sh"
COLUMNS: Final = 200
ROWS: Final = 50
# Where the container's own process prints, and so the log of the environment.
CONTAINER_LOG: Final = "/proc/1/fd/1"
# A terminal takes lines of at most 4,095 bytes. Source: termios(3), canonical mode.
_TYPED: Final = 2_000
# A longer line is handed over in pieces, as nobody knows whether it ever ends.
_LINE: Final = 1 << 16
_INTERRUPT: Final = "\x03"
_OPEN_SECONDS: Final = 60.0
_MESSAGE_BYTES: Final = 1 << 24


class NoShell(Exception):
    """The terminal cannot be reached, or ended before the command began."""


class MarkedOutput:
    """Picks the lines of a command out of all that a terminal shows."""

    def __init__(self, mark: str, output: Output) -> None:
        self.mark = mark
        self._output = output
        self._rest = ""
        self._blank = False
        self.begun = False
        # Set once the command has ended.
        self.exit_code: int | None = None

    def take(self, text: str) -> bool:
        """Take what the terminal shows next; return whether the command has ended."""
        *lines, self._rest = (self._rest + text.replace("\r", "")).split("\n")
        if any(self._line(line) for line in lines):
            return True
        if len(self._rest) > _LINE:
            self._line(self._rest)
            self._rest = ""
        return False

    def _line(self, line: str) -> bool:
        if not self.begun:
            self.begun = line == self.mark
            return False
        if line.startswith(f"{self.mark} "):
            # The blank line before it, if there is one, is the mark's own beginning.
            self.exit_code = int(line.rpartition(" ")[2])
            return True
        if self._blank:
            self._output("")
        self._blank = not line
        if line:
            self._output(line)
        return False


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
            for line in _typed(script, marked.mark, folder, into):
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
        await terminal.send(_INTERRUPT)
    except ConnectionClosed:
        return


def _typed(script: str, mark: str, folder: str, into: str) -> list[str]:
    """Return what is typed. The script is encoded, so that no byte of it means anything to the terminal.

    All that runs stands in one line, after the echo of which nothing but its output is shown. The mark is typed in two
    halves, so that no echo is taken for it.
    """
    encoded = base64.b64encode(script.encode()).decode()
    pieces = [encoded[start : start + _TYPED] for start in range(0, len(encoded), _TYPED)]
    say = f"printf '\\n%s%s%s\\n' {mark[:4]} {mark[4:]}"
    redirected = f">{shlex.quote(into)} 2>&1" if into else "2>&1"
    return [
        f"stty -echo; cd {shlex.quote(folder)}; code=\n",
        *(f"code=${{code}}{piece}\n" for piece in pieces),
        f'{say} \'\'; sh -c "$(printf %s "$code" | base64 -d)" </dev/null {redirected}; {say} " $?"; exit\n',
    ]
