"""`python -m workers.local_run`: one run of a workflow for the program that started this process, without a server.

Both speak JSON lines in the words of `workers.runner.messages`, over standard input and output of this process.

    to us      {"job": {...}}                         first and once, see `Order`
               {"cancel": "reason"}                   end soon
               {"answer": [number, refusal, value]}   to a question of the run
    from us    what the run says: log, progress, artifact, browser, ask, executed, values
               {"ended": {...}}                       last: `state`, `error_type` and `error_message`

The end of standard input ends the run at once, and this process: nothing outlives the program that wanted it.
"""

import asyncio
import base64
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

from switchyard.orchestrator.v1.graph_pb2 import Graph
from workers.chromium import ChromiumMissing, find
from workers.conversation import Conversation, Reins
from workers.flow.host import Level
from workers.runner.launcher import Launcher, RunnerLost
from workers.runner.messages import CHECKPOINT_FILE, GRAPH_FILE, LineSplitter, line_of, parse
from workers.runner.run_link import Message, RunProcess
from workers.structured_logs import configure_logs
from workers.workflow_process import PROGRAM, PROGRAMS, Job

# A job carries its whole graph. The largest workflow file has 50 MiB, a third more as base64.
JOB_BYTES: Final = 80 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be run, by the names it is sent under. `folder` is there; `graph` is a `Graph`, in base64."""

    graph: str = field(repr=False)
    variables: Mapping[str, Any] = field(repr=False)
    secrets: Mapping[str, str] = field(repr=False)
    folder: str
    timeout_seconds: float


class LocalRun:
    """One run, between its processes and the program that wanted it, to which `output` leads."""

    def __init__(self, order: Order, output: BinaryIO) -> None:
        self._order = order
        self._folder = Path(order.folder)
        self._output = output
        self._cancelled = asyncio.Event()
        self._run: RunProcess | None = None

    async def perform(self) -> None:
        """Run the workflow; how it ended is the last that is said. Nothing of it is alive then."""
        try:
            self._say("ended", await self._ended())
        finally:
            for name in (GRAPH_FILE, CHECKPOINT_FILE):
                (self._folder / name).unlink(missing_ok=True)

    def take(self, name: str, value: Any) -> None:
        """Take a message of the program that wanted the run."""
        match name:
            case "cancel":
                self._cancelled.set()
            case "answer" if self._run is not None:
                number, refusal, answer = value
                if refusal is None:
                    self._run.answer(number, answer)
                else:
                    self._run.refuse(number, refusal)

    async def _ended(self) -> Mapping[str, str]:
        order = self._order
        graph = Graph.FromString(base64.b64decode(order.graph))
        try:
            job = Job(graph, order.variables, self._folder, _chromium_path(), order.secrets)
            job.lay_out()  # in place of what a killed run may have left
            async with Launcher(PROGRAMS) as launcher, launcher.start(job.order(), program=PROGRAM) as run:
                self._run = run
                end = await Conversation(run, self._reins(), log=self._log, take=self._pass_on).hold()
        except (RunnerLost, ChromiumMissing) as error:
            return {"state": "failed", "error_type": type(error).__name__, "error_message": str(error)}
        return {"state": end.state, "error_type": end.error_type, "error_message": end.error_message}

    def _reins(self) -> Reins:
        return Reins(
            cancelled=self._cancelled,
            stopping=asyncio.Event(),
            deadline=asyncio.get_running_loop().time() + self._order.timeout_seconds,
        )

    def _log(self, level: Level, text: str, micros: int | None) -> None:
        self._say("log", [micros or time.time_ns() // 1000, level, text])

    async def _pass_on(self, name: str, value: Any) -> None:
        self._say(name, value)

    def _say(self, name: str, value: object) -> None:
        # Waits when the reader is behind; then the run waits too, and nothing piles up.
        self._output.write(line_of(name, value))
        self._output.flush()


async def serve(output: BinaryIO) -> None:
    """Carry out the order that comes over standard input."""
    messages = _messages(await _standard_input())
    async for _, order in messages:
        run = LocalRun(Order(**order), output)
        working, listening = asyncio.ensure_future(run.perform()), asyncio.ensure_future(_listen(messages, run))
        await asyncio.wait((working, listening), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            working.cancel()
        listening.cancel()
        await asyncio.gather(working, listening, return_exceptions=True)
        if not working.cancelled():
            working.result()
        return


async def _listen(messages: AsyncIterator[Message], run: LocalRun) -> None:
    async for name, value in messages:
        run.take(name, value)


async def _messages(reader: asyncio.StreamReader) -> AsyncIterator[Message]:
    splitter = LineSplitter(JOB_BYTES)
    while data := await reader.read(1024 * 1024):
        for message in parse(splitter.feed(data)):
            yield message


async def _standard_input() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    return reader


def _chromium_path() -> str | None:
    found = find(os.environ)
    return None if found is None else str(found)


def main() -> None:
    """Run what is ordered. Whatever else would write to standard output writes to standard error instead."""
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    configure_logs(sys.stderr)
    asyncio.run(serve(output))


if __name__ == "__main__":
    main()
