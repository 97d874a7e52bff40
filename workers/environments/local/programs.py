"""The programs of one environment, as its holder runs them: enclosed, ended with all they have made, watched."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

from workers.environments.local.enclosure import BUBBLEWRAP_NAME, Enclosure
from workers.environments.local.processes import memory_bytes, own_memory_bytes
from workers.runner import linux

# From SIGTERM to SIGKILL: for editors to save, and kernels to end.
TERM_SECONDS: Final = 2.0
READ_BYTES: Final = 64 * 1024


class Programs:
    """What runs in an environment. `variables` are those of each program."""

    def __init__(self, enclosure: Enclosure, variables: Mapping[str, str]) -> None:
        self._enclosure = enclosure
        self._variables = variables
        self._own: set[int] = set()
        self._starting = 0

    @asynccontextmanager
    async def running(self, command: Sequence[str]) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run a command; when the context is left nothing of it is alive. What it prints can be read from `stdout`.

        Raises:
            OSError: it cannot be started.
        """
        process = await self._started(command)
        try:
            yield process
        finally:
            await _end(process)
            self._own.discard(process.pid)

    def tidy(self) -> None:
        """End what has lost the program that was to see to its end, and collect what has ended."""
        if self._starting:  # a program that is not known yet looks like one of those
            return
        for pid in set(linux.children(os.getpid())) - self._own:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
                if ended.si_pid in self._own:
                    return
                os.waitpid(ended.si_pid, 0)

    async def _started(self, command: Sequence[str]) -> asyncio.subprocess.Process:
        self._starting += 1
        try:
            process = await asyncio.create_subprocess_exec(
                *self._enclosure.around(command),
                env=dict(self._variables),
                cwd=self._enclosure.folder.workspace,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            self._own.add(process.pid)
        finally:
            self._starting -= 1
        return process


async def printed(process: asyncio.subprocess.Process) -> AsyncIterator[bytes]:
    """Yield what a program prints, as it comes."""
    assert process.stdout is not None  # noqa: S101 - it was asked for
    while data := await process.stdout.read(READ_BYTES):
        yield data


def too_large(limit_bytes: int) -> tuple[int, str, int] | None:
    """Return what to end when all below this process use more memory than allowed: pid, name, and how much all use."""
    pids = [pid for pid in linux.descendants(os.getpid()) if linux.name_of(pid) != BUBBLEWRAP_NAME]
    # Quick first: what is shared counts several times there, so it is never too little.
    if sum(memory_bytes(pids).values()) <= limit_bytes:
        return None
    used = own_memory_bytes(pids)
    total = sum(used.values())
    if total <= limit_bytes:
        return None
    largest = max(used, key=lambda pid: used[pid])
    return largest, linux.name_of(largest) or "?", total


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a program with all it has made, unless it has ended by itself."""
    if process.returncode is None:
        # bubblewrap itself would take all others with it at once.
        for pid in (process.pid, *linux.descendants(process.pid)):
            if linux.name_of(pid) != BUBBLEWRAP_NAME:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(TERM_SECONDS):
                await process.wait()
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
