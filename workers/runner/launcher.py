"""The worker's side of the runner: keeps a zygote, and starts runs."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Self

import structlog

from workers.runner import aftermath, linux
from workers.runner.messages import FORK, READY
from workers.runner.run_link import ClearUp, RunProcess
from workers.runner.spare import Spare

# Time for the imports of a zygote on a busy machine.
ZYGOTE_SECONDS: Final = 60.0

# What of the worker's environment a run may see. A list of what is allowed, so that no credential slips through.
ENVIRONMENT: Final = re.compile(
    r"PATH|HOME|USER|SHELL|TERM|TZ|TMPDIR|LANG|LC_\w+|DISPLAY|XDG_\w+|WAYLAND_\w+|DBUS_\w+|FONTCONFIG_\w+"
    r"|PLAYWRIGHT_\w+|NODE_EXTRA_CA_CERTS|SSL_CERT_\w+|(HTTPS?|NO|ALL)_PROXY|(https?|no|all)_proxy|PYTHON\w+|VIRTUAL_ENV"
)

# Folder that holds the package `workers`.
_ROOT: Final = Path(__file__).parents[2]

log: Final = structlog.get_logger(__name__)


class RunnerLost(Exception):
    """The zygote ended while it was needed; another attempt makes a new one."""


class Launcher:
    """Starts run processes. Used as a context: at its end the zygote is gone.

    Nothing else in this process makes children: those it finds here are the zygote, or were adopted.
    """

    def __init__(self, programs: Mapping[str, str], *, spare: bool = False) -> None:
        """`programs` are what runs execute: by name, "module:function" of a `workers.runner.run_process.Program`.

        With `spare` one process more than there are jobs waits for the next one.
        """
        self._programs = programs
        self._spare = Spare(self._forked) if spare else None
        self._zygote: _Zygote | None = None
        self._starting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        linux.adopt_orphans()
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._reap)
        await self._remove_folders()
        await self._ready_zygote()
        if self._spare is not None:
            self._spare.fill()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._spare is not None:
            await self._spare.close()
        if self._zygote is not None:
            self._zygote.close()
        asyncio.get_running_loop().remove_signal_handler(signal.SIGCHLD)

    @property
    def zygote_pid(self) -> int | None:
        """Process id of the zygote, None while there is none."""
        return self._zygote.process.pid if self._zygote else None

    @asynccontextmanager
    async def start(self, job: Mapping[str, object], *, program: str) -> AsyncIterator[RunProcess]:
        """Start a process that executes `job` with a program; when the context is left nothing of it is alive.

        Raises:
            RunnerLost: it could not be started.
        """
        run = await self._waiting() or await self._forked()
        try:
            run.open({"program": program, **job})
            yield run
        finally:
            await run.close()

    async def _waiting(self) -> RunProcess | None:
        """Return a process that was made before, None when there is none, and have the next one made."""
        if self._spare is None:
            return None
        run = await self._spare.take()
        self._spare.fill()
        return run

    async def _forked(self) -> RunProcess:
        """Make a process. Raises RunnerLost."""
        zygote = await self._ready_zygote()
        try:
            run = zygote.fork(self._clear_up)
        except OSError:  # it ended between two runs
            log.warning("the zygote was lost and is made anew")
            zygote = await self._ready_zygote()
            run = zygote.fork(self._clear_up)
        await run.connect()
        return run

    async def _ready_zygote(self) -> "_Zygote":
        async with self._starting:
            if self._zygote is None or not self._zygote.alive():
                if self._zygote is not None:
                    self._zygote.close()
                self._zygote = _Zygote(self._programs)
                await self._zygote.wait_ready()
            return self._zygote

    def _reap(self) -> None:
        """Collect the zygote, and what was adopted, when they have ended."""
        while (pid := aftermath.ended_child()) is not None:
            if self._zygote is not None and pid == self._zygote.process.pid:
                self._zygote.process.wait()
            else:
                os.waitpid(pid, 0)

    async def _clear_up(self) -> int:
        """End what a lost keeper left; return how many processes could not be ended."""
        left = await aftermath.end_orphans(lambda: self.zygote_pid)
        log.warning("a keeper was lost; what it left has been ended", left=left)
        await self._remove_folders()
        return left

    async def _remove_folders(self) -> None:
        for folder in await asyncio.to_thread(aftermath.remove_folders):
            log.info("removed what a lost run left", folder=folder.name)


class _Zygote:
    def __init__(self, programs: Mapping[str, str]) -> None:
        named = [f"{name}={program}" for name, program in programs.items()]
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "workers.runner", str(theirs.fileno()), str(os.getpid()), *named],
                pass_fds=[theirs.fileno()],
                cwd=_ROOT,
                stdin=subprocess.DEVNULL,
                env={name: value for name, value in os.environ.items() if ENVIRONMENT.fullmatch(name)},
            )

    async def wait_ready(self) -> None:
        """Return when its imports are done.

        Raises:
            RunnerLost: it ended instead, or took too long.
        """
        self._control.setblocking(False)
        try:
            async with asyncio.timeout(ZYGOTE_SECONDS):
                answer = await asyncio.get_running_loop().sock_recv(self._control, 16)
        except TimeoutError as error:
            raise RunnerLost("the zygote took too long to start") from error
        if answer != READY:
            raise RunnerLost("the zygote ended while it started")

    def alive(self) -> bool:
        return self.process.poll() is None

    def fork(self, clear_up: ClearUp) -> RunProcess:
        """Order a new run process; `clear_up` is for the loss of its keeper.

        Raises:
            OSError: the zygote is gone.
        """
        run, theirs = RunProcess.with_sockets(clear_up)
        try:
            socket.send_fds(self._control, [FORK], theirs)
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        return run

    def close(self) -> None:
        self._control.close()  # a zygote ends when its control socket does
        self.process.kill()
        self.process.wait()
