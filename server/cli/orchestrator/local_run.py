"""Runs a workflow on this machine without a server: starts `python -m workers.local_run` and answers what it asks."""

import asyncio
import base64
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from server.cli.failures import CommandFailed
from server.cli.orchestrator.workflow_file import SUFFIX, read_graph
from server.errors import SwitchyardError
from server.outbound import OutboundRule
from switchyard.orchestrator.v1.graph_pb2 import Graph

# What `workers.local_run` says comes in lines of at most 16 MiB.
LINE_BYTES: Final = 17 * 1024 * 1024
# Time for one attempt where the workflow says nothing, as for a job.
TIMEOUT_SECONDS: Final = 3600

# Takes a message of the run, see `workers.runner.messages`.
Show = Callable[[str, Any], None]


@dataclass(frozen=True)
class LocalWorkflow:
    """What is to be run. The workflows within it are read from `neighbours`, by the names of their files."""

    graph: Graph
    variables: Mapping[str, Any] = field(repr=False)
    secrets: Mapping[str, str] = field(repr=False)
    folder: Path
    neighbours: Path
    rule: OutboundRule

    def order(self) -> dict[str, Any]:
        """Return the order as `workers.local_run` wants it."""
        timeout = self.graph.settings.timeout
        return {
            "graph": in_base64(self.graph),
            "variables": self.variables,
            "secrets": self.secrets,
            "folder": str(self.folder),
            "timeout_seconds": timeout.seconds + timeout.nanos / 1e9 or TIMEOUT_SECONDS,
        }

    async def answer(self, question: str, value: Any) -> object:
        """Answer what a run asks of its server.

        Raises:
            SwitchyardError: the address may not be called.
            CommandFailed: there is no such workflow.
            OSError: its file cannot be read.
        """
        if question == "allow_url":
            return await self.rule.resolve(value)
        if question == "workflow":
            return await asyncio.to_thread(self._neighbour, value)
        # Where the run is is not kept: there is no next attempt.
        return None

    def _neighbour(self, name: str) -> object:
        # Looked for among the names that are there, so that no name leads out of the folder.
        files = {path.stem: path for path in self.neighbours.glob(f"*{SUFFIX}")}
        path = files.get(name.removesuffix(SUFFIX))
        if path is None:
            raise CommandFailed(f"there is no workflow {name!r} in a file beside this one")
        return [path.stem, in_base64(read_graph(path)), self.secrets]


@dataclass(frozen=True)
class Ended:
    """How a run ended: succeeded, failed or cancelled, and why it failed."""

    state: str
    error_type: str
    error_message: str


async def run_locally(workflow: LocalWorkflow, show: Show) -> Ended:
    """Run a workflow; SIGINT or SIGTERM asks it to stop, a second one ends it at once.

    Nothing of the run is alive when this returns, whatever ended it.

    Raises:
        CommandFailed: it ended without a word.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "workers.local_run",
        stdin=PIPE,
        stdout=PIPE,
        limit=LINE_BYTES,
        # Ctrl-C at a terminal goes to us alone; we pass it on.
        start_new_session=True,
    )
    held = HeldRun(process, workflow, show)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, held.stop)
    try:
        return await held.hold()
    finally:
        held.let_go()
        await process.wait()


class HeldRun:
    """A run in the hands of this process."""

    def __init__(self, process: Process, workflow: LocalWorkflow, show: Show) -> None:
        self._process = process
        self._workflow = workflow
        self._show = show
        self._stopping = False

    async def hold(self) -> Ended:
        """Order the run, pass on what it says and answer what it asks, until it has ended."""
        self._tell("job", self._workflow.order())
        try:
            async with asyncio.TaskGroup() as questions:
                return await self._listen(questions)
        except ExceptionGroup as failures:  # the first one ended the others
            raise failures.exceptions[0] from failures

    def stop(self) -> None:
        """Ask the run to end; the second time, end it."""
        if self._stopping:
            self.let_go()
        self._stopping = True
        self._tell("cancel", "interrupted")

    def let_go(self) -> None:
        """Leave the run to its own process, which ends it then."""
        assert self._process.stdin is not None  # noqa: S101, it was asked for
        self._process.stdin.close()

    async def _listen(self, questions: asyncio.TaskGroup) -> Ended:
        assert self._process.stdout is not None  # noqa: S101, it was asked for
        async for line in self._process.stdout:
            ((name, value),) = json.loads(line).items()
            match name:
                case "ask":
                    questions.create_task(self._answer(*value))
                case "ended":
                    return Ended(**value)
                case _:
                    self._show(name, value)
        if self._stopping:
            return Ended("cancelled", "", "")
        raise CommandFailed("the process that ran the workflow was lost")

    async def _answer(self, number: int, question: str, value: Any) -> None:
        try:
            answer = await self._workflow.answer(question, value)
        except (SwitchyardError, CommandFailed, OSError) as refusal:
            self._tell("answer", [number, str(refusal), None])
        else:
            self._tell("answer", [number, None, answer])

    def _tell(self, name: str, value: object) -> None:
        assert self._process.stdin is not None  # noqa: S101, it was asked for
        if not self._process.stdin.is_closing():
            self._process.stdin.write(json.dumps({name: value}).encode() + b"\n")


def in_base64(graph: Graph) -> str:
    """Return a graph as a text that fits into JSON."""
    return base64.b64encode(graph.SerializeToString()).decode()
