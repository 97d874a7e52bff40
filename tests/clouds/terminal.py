"""A program on a real terminal, whose other side a stand-in holds."""

import asyncio
import fcntl
import os
import pty
import signal
import termios
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

# Before more is typed into a terminal that holds all it can.
_FULL_SECONDS: Final = 0.005


class Terminal:
    """One terminal, until `end`."""

    def __init__(self, process: asyncio.subprocess.Process, ours: int) -> None:
        self.process = process
        self._ours = ours

    @classmethod
    async def start(cls, arguments: Sequence[str], *, variables: Mapping[str, str], folder: Path) -> Self:
        """Run a program in `folder` with a PATH and `variables`."""
        ours, theirs = pty.openpty()
        os.set_blocking(ours, False)
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={"PATH": os.environ["PATH"], "TERM": "dumb", "PS1": "# ", **variables},
            cwd=folder,
            # The program leads the session of its terminal, as one in a container does.
            preexec_fn=_own_terminal,
        )
        os.close(theirs)
        return cls(process, ours)

    async def shown(self) -> bytes:
        """Return what it shows next; nothing once its last program has ended."""
        loop = asyncio.get_running_loop()
        there = asyncio.Event()
        loop.add_reader(self._ours, there.set)
        try:
            await there.wait()
        finally:
            loop.remove_reader(self._ours)
        # What a terminal without a program raises.
        with suppress(OSError):
            return os.read(self._ours, 4096)
        return b""

    async def type(self, typed: bytes) -> None:
        """Type it, as fast as the terminal takes it."""
        while typed:
            try:
                typed = typed[os.write(self._ours, typed) :]
            except BlockingIOError:
                await asyncio.sleep(_FULL_SECONDS)

    async def end(self) -> None:
        """Hang up, and return when the program has ended. Nobody may wait for what is shown then."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGHUP)
        await self.process.wait()
        os.close(self._ours)


def _own_terminal() -> None:
    os.setsid()
    # Whoever started the tests may have told them to outlive their terminal, or to ignore its Ctrl-C, as a shell does
    # with what it starts in the background.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
