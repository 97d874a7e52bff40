"""The run process: reads its job, executes a program, tells the worker what happens.

The program gets a `RunHost`, which is all it knows of the outside.
"""

import asyncio
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Final, TypeAlias

from workers.flow.errors import AddressRefused
from workers.flow.host import ArtifactKind, Level
from workers.flow.outcome import Outcome, State
from workers.runner import linux
from workers.runner.messages import ALLOW_URL, RUN_NAME, LineSplitter, cut, line_of, parse

EXIT_CODE: Final[Mapping[State, int]] = {"succeeded": 0, "failed": 1, "cancelled": 2}


class QuestionRefused(Exception):
    """The answer to a question of a run is no; in words for people."""


class RunHost:
    """The `workers.flow.host.Host` of one run.

    `job` is what the worker sent: `program`, `folder`, `params`, `chromium_path`, and what else that program knows how
    to read.
    """

    def __init__(self, channel: "WorkerChannel", job: Mapping[str, Any]) -> None:
        self.job = job
        self.folder = Path(job["folder"])
        self.params: Mapping[str, object] = job["params"]
        self.chromium_path: str | None = job["chromium_path"]
        self.cancelled = asyncio.Event()
        self._channel = channel
        self._questions = count()
        self._answers: dict[int, asyncio.Future[Any]] = {}

    def log(self, level: Level, message: str) -> None:
        """Add a line to the log. Waits when the worker is behind, so that nothing piles up here."""
        self._channel.send("log", [time.time_ns() // 1000, level, cut(message)])

    def progress(self, fraction: float | None, message: str) -> None:
        """Tell how far the run has come; `fraction` is 0 to 1."""
        self._channel.send("progress", [fraction, message[:500]])

    def artifact(self, kind: ArtifactKind, path: Path) -> None:
        """Hand over a finished file below `folder`. It must not be changed any more."""
        self._channel.send("artifact", [kind, str(path)])

    def browser_event(self, event_type: str, details: Mapping[str, object]) -> None:
        """Tell something that happened in the browser; see `workers.flow.host`."""
        self._channel.send("browser", [time.time_ns() // 1000, event_type, details])

    def tell(self, name: str, value: object) -> None:
        """Send a message that only some programs send; see `workers.runner.messages`."""
        self._channel.send(name, value)

    async def allow_url(self, url: str) -> Sequence[str]:
        """Ask the server where `url` may be called.

        Raises:
            AddressRefused: it may not, or its host has no address.
        """
        try:
            addresses: Sequence[str] = await self.ask(ALLOW_URL, url)
        except QuestionRefused as refusal:
            raise AddressRefused(str(refusal)) from refusal
        return addresses

    async def ask(self, name: str, value: object) -> Any:
        """Ask whoever holds the job; see `workers.runner.messages`.

        Raises:
            QuestionRefused: the answer is no.
        """
        number = next(self._questions)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        self._channel.send("ask", [number, name, value])
        return await answer

    def take(self, name: str, value: Any) -> None:
        """Take a message of the worker."""
        if name == "cancel":
            self.cancelled.set()
        elif name == "answer":
            number, refusal, answer = value
            self._settle(self._answers.pop(number), refusal, answer)

    def _settle(self, waiting: asyncio.Future[Any], refusal: str | None, answer: Any) -> None:
        if waiting.cancelled():
            return
        if refusal is None:
            waiting.set_result(answer)
        else:
            waiting.set_exception(QuestionRefused(refusal))


class WorkerChannel:
    """The socket to the worker.

    Sending blocks while the worker is behind: a bot that logs faster than the worker reads is slowed down, and nothing
    piles up in this process.
    """

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._splitter = LineSplitter()

    def send(self, name: str, value: object) -> None:
        """Send one message."""
        self._channel.sendall(line_of(name, value))

    def receive(self) -> list[tuple[str, Any]] | None:
        """Wait for messages; None when the worker is gone. May return none at all while one is incomplete."""
        data = self._channel.recv(65536)
        return list(parse(self._splitter.feed(data))) if data else None

    def listen(self, take: Callable[[str, Any], None]) -> None:
        """Hand each message to `take` as it comes, on the running loop. An end is for the keeper to act on."""
        loop = asyncio.get_running_loop()

        def read() -> None:
            messages = self.receive()
            if messages is None:
                loop.remove_reader(self._channel)
            for name, value in messages or ():
                take(name, value)

        loop.add_reader(self._channel, read)


# Executes a job and says how it ended. Refusals of the job are outcomes too; what it raises is a fault of ours.
Program: TypeAlias = Callable[[RunHost], Awaitable[Outcome]]


def execute(channel: socket.socket, programs: Mapping[str, Program], *, stdout: int, stderr: int) -> int:
    """Wait for the job, execute it with the program it names and return the exit code of the process."""
    _redirect(stdout, stderr)
    worker = WorkerChannel(channel)
    while (messages := worker.receive()) is not None:
        if messages:
            linux.set_name(RUN_NAME)
            return asyncio.run(_run(worker, programs, messages))
    return 0


async def _run(worker: WorkerChannel, programs: Mapping[str, Program], messages: list[tuple[str, Any]]) -> int:
    (_, job), *others = messages
    host = RunHost(worker, job)
    for name, value in others:
        host.take(name, value)
    worker.listen(host.take)
    outcome = await programs[job["program"]](host)
    worker.send("outcome", outcome)
    return EXIT_CODE[outcome.state]


def _redirect(stdout: int, stderr: int) -> None:
    """Put standard output and error of this process onto the pipes to the worker."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (stdout, 1), (stderr, 2)):
        os.dup2(source, target)
        os.close(source)
    # The streams of the zygote may be block buffered and hold nothing; these are read line by line.
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
