"""The worker's side of the runner: keeps a zygote, starts runs, talks with them."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

import structlog

from workers.flow.host import Level
from workers.runner import aftermath, linux
from workers.runner.messages import FORK, LOG_MESSAGE_BYTES, READY, STOP, Ending, LineSplitter, line_of, parse

# Time for the imports of a zygote on a busy machine.
ZYGOTE_SECONDS: Final = 60.0

# What of the worker's environment a run may see. A list of what is allowed, so that no credential slips through.
ENVIRONMENT: Final = re.compile(
    r"PATH|HOME|USER|SHELL|TERM|TZ|TMPDIR|LANG|LC_\w+|DISPLAY|XDG_\w+|WAYLAND_\w+|DBUS_\w+|FONTCONFIG_\w+"
    r"|PLAYWRIGHT_\w+|NODE_EXTRA_CA_CERTS|SSL_CERT_\w+|(HTTPS?|NO|ALL)_PROXY|(https?|no|all)_proxy|PYTHON\w+|VIRTUAL_ENV"
)

# Folder that holds the package `workers`.
_ROOT: Final = Path(__file__).parents[2]

# "[pid:thread:mmdd/hhmmss.micros:LEVEL:file.cc(line)]" begins what Chromium writes for its own developers.
_CHROMIUM_NOISE: Final = re.compile(rb"\[\d+:\d+:\d{4}/\d{6}\.\d+:[A-Z0-9]+:")

Message: TypeAlias = tuple[str, Any]
# Ends what a run left whose keeper is lost; gives the number of processes that could not be ended.
ClearUp: TypeAlias = Callable[[], Awaitable[int]]

log: Final = structlog.get_logger(__name__)


class RunnerLost(Exception):
    """The zygote ended while it was needed; another attempt makes a new one."""


class Launcher:
    """Starts run processes. Used as a context: at its end the zygote is gone.

    Nothing else in this process makes children: those it finds here are the zygote, or were adopted.
    """

    def __init__(self, program: str) -> None:
        """`program` is the "module:function" that runs execute, a `workers.runner.run_process.Program`."""
        self._program = program
        self._zygote: _Zygote | None = None
        self._starting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        linux.adopt_orphans()
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._reap)
        await self._remove_folders()
        await self._ready_zygote()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._zygote is not None:
            self._zygote.close()
        asyncio.get_running_loop().remove_signal_handler(signal.SIGCHLD)

    @property
    def zygote_pid(self) -> int | None:
        """Process id of the zygote, None while there is none."""
        return self._zygote.process.pid if self._zygote else None

    @asynccontextmanager
    async def start(self, job: Mapping[str, object]) -> AsyncIterator["RunProcess"]:
        """Start a process that executes `job`; when the context is left nothing of it is alive.

        Raises:
            RunnerLost: it could not be started.
        """
        zygote = await self._ready_zygote()
        try:
            run = zygote.fork(self._clear_up)
        except OSError:  # it ended between two runs
            log.warning("the zygote was lost and is made anew")
            zygote = await self._ready_zygote()
            run = zygote.fork(self._clear_up)
        async with run:
            run.open(job)
            yield run

    async def _ready_zygote(self) -> "_Zygote":
        async with self._starting:
            if self._zygote is None or not self._zygote.alive():
                if self._zygote is not None:
                    self._zygote.close()
                self._zygote = _Zygote(self._program)
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
    def __init__(self, program: str) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "workers.runner", str(theirs.fileno()), str(os.getpid()), program],
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

    def fork(self, clear_up: ClearUp) -> "RunProcess":
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


class RunProcess:
    """One run, from its fork to the proof of its end."""

    def __init__(
        self, channel: socket.socket, lifeline: socket.socket, outputs: Mapping[Level, int], clear_up: ClearUp
    ) -> None:
        self._clear_up = clear_up
        self._channel = channel
        self._lifeline = lifeline
        self._output_pipes = outputs
        self._outputs: dict[Level, asyncio.StreamReader] = {}
        self._closing = ExitStack()
        self._closing.callback(channel.close)
        self._closing.callback(lifeline.close)

    @classmethod
    def with_sockets(cls, clear_up: ClearUp) -> tuple[Self, list[int]]:
        """Return a run, and the descriptors for its processes: channel, lifeline, stdout, stderr."""
        channel, their_channel = socket.socketpair()
        lifeline, their_lifeline = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        out, their_out = os.pipe()
        err, their_err = os.pipe()
        lifeline.setblocking(False)
        run = cls(channel, lifeline, {"info": out, "warning": err}, clear_up)
        return run, [their_channel.detach(), their_lifeline.detach(), their_out, their_err]

    async def __aenter__(self) -> Self:
        self._ending = asyncio.create_task(self._wait_ending())
        try:
            self._reader, self._writer = await asyncio.open_connection(sock=self._channel)
            self._closing.callback(self._writer.transport.abort)
            for level, descriptor in self._output_pipes.items():
                self._outputs[level], transport = await _read_pipe(descriptor)
                self._closing.callback(transport.close)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        with suppress(OSError):  # the keeper is gone already
            # Ends the worker's half of the lifeline: the keeper kills what is alive, and still answers.
            self._lifeline.shutdown(socket.SHUT_WR)
        try:
            await self.ended()
        finally:
            self._closing.close()

    def open(self, job: Mapping[str, object]) -> None:
        """Send the job; said once, before anything else."""
        self._send("job", job)

    def cancel(self, reason: str) -> None:
        """Ask the run to end."""
        self._send("cancel", reason)

    def answer_allow_url(self, number: int, refusal: str | None) -> None:
        """Answer question `number` of the run; None allows."""
        self._send("allowed", [number, refusal])

    def stop(self) -> None:
        """Have every process of the run sent SIGTERM, and after a second SIGKILL."""
        with suppress(BrokenPipeError, ConnectionResetError):  # it is over already
            self._lifeline.send(STOP)

    async def ended(self) -> Ending:
        """Return when no process of the run is left."""
        return await asyncio.shield(self._ending)

    async def messages(self) -> AsyncIterator[Message]:
        """Yield what the run sends, until it has ended."""
        splitter = LineSplitter()
        while data := await self._read():
            for message in parse(splitter.feed(data)):
                yield message

    async def output_lines(self, level: Level) -> AsyncIterator[tuple[Level, str]]:
        """Yield the lines that its processes write to stdout (`level` "info") or stderr ("warning").

        Lines of Chromium's own log come as "debug".
        """
        reader = self._outputs[level]
        while line := await _line(reader):
            shown: Level = "debug" if _CHROMIUM_NOISE.match(line) else level
            yield shown, line.decode("utf-8", "replace").rstrip("\r\n")

    async def _read(self) -> bytes:
        try:
            return await self._reader.read(65536)
        except ConnectionResetError:
            return b""

    def _send(self, name: str, value: object) -> None:
        self._writer.write(line_of(name, value))

    async def _wait_ending(self) -> Ending:
        try:
            packet = await asyncio.get_running_loop().sock_recv(self._lifeline, 4096)
        except ConnectionResetError:  # the keeper was lost before it read all that was sent to it
            packet = b""
        if packet:
            return Ending.from_bytes(packet)
        return Ending(None, (), await self._clear_up(), time.time_ns() // 1000)


async def _read_pipe(descriptor: int) -> tuple[asyncio.StreamReader, asyncio.ReadTransport]:
    reader = asyncio.StreamReader(limit=LOG_MESSAGE_BYTES)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", 0)
    )
    return reader, transport


async def _line(reader: asyncio.StreamReader) -> bytes:
    """Return the next line, or a piece of one that is longer than the reader's limit; empty at the end."""
    try:
        return await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError as end:
        return end.partial
    except asyncio.LimitOverrunError as long:
        return await reader.read(long.consumed)
