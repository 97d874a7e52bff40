"""One run of a workflow in processes of its own, for whoever holds its job: a worker, or a robot.

    async with Launcher(PROGRAMS) as launcher:
        reins = Reins(cancelled=cancelled, stopping=stopping, deadline=loop.time() + 3600)
        ended = await run_workflow(launcher, Job(graph, variables, folder), reins, log=log, progress=progress)

Knows no server. Nothing of the run is alive when `run_workflow` has returned, whatever ended it.
"""

import asyncio
import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import structlog

from switchyard.orchestrator.v1.graph_pb2 import Graph
from switchyard.orchestrator.v1.job_pb2 import NodeExecution
from switchyard.orchestrator.v1.job_worker_service_pb2 import WorkflowResult
from workers.conversation import Conclusion, Conversation, Log, Reins
from workers.job_server import JobServer, JobServerRefused
from workers.runner import messages
from workers.runner.launcher import Launcher
from workers.runner.run_link import RunProcess

PROGRAM: Final = "run_workflow"
# For a launcher that runs workflows only.
PROGRAMS: Final[Mapping[str, str]] = {PROGRAM: "workers.runner.workflow_program:run_workflow"}

# Files that wait to be sent; a run that makes more waits.
WAITING_ARTIFACTS: Final = 100

# Takes how far a run has come, 0 to 1 or None when that is not known, and a line for people.
Progress: TypeAlias = Callable[[float | None, str], None]

_STATUS: Final[Mapping[str, NodeExecution.Status.ValueType]] = {
    "completed": NodeExecution.STATUS_COMPLETED,
    "failed": NodeExecution.STATUS_FAILED,
    "skipped": NodeExecution.STATUS_SKIPPED,
}

log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be run. `folder` is there, empty, and belongs to this run alone."""

    graph: Graph
    variables: Mapping[str, Any]  # as JSON gives them; over those of the graph
    folder: Path
    chromium_path: str | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)
    # Where an earlier attempt was, and what had been executed up to there.
    checkpoint: bytes = b""
    executed: Sequence[NodeExecution] = ()

    def lay_out(self) -> None:
        """Put into the folder what a run process finds there."""
        (self.folder / messages.GRAPH_FILE).write_bytes(self.graph.SerializeToString())
        (self.folder / messages.CHECKPOINT_FILE).write_bytes(self.checkpoint)

    def order(self) -> Mapping[str, object]:
        """Return what a run process is told first."""
        return {
            "folder": str(self.folder),
            "params": dict(self.variables),
            "chromium_path": self.chromium_path,
            "secrets": dict(self.secrets),
        }


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run of a workflow ended: `conclusion.state`, and why it failed.

    `result` holds what was executed up to then also when the run failed, was cancelled or was killed; its variables and
    outputs are empty when the run came to say nothing.
    """

    conclusion: Conclusion
    result: WorkflowResult


async def run_workflow(
    launcher: Launcher, job: Job, reins: Reins, server: JobServer, *, log: Log, progress: Progress
) -> Ended:
    """Run a workflow and tell how it ended; `log` and `progress` are called on the running loop, in order.

    Raises:
        RunnerLost: it could not be started; another attempt may help.
        Exception: what a method of `server` raises besides `JobServerRefused` ends the run and goes on.
    """
    await asyncio.to_thread(job.lay_out)
    try:
        async with launcher.start(job.order(), program=PROGRAM) as run, asyncio.TaskGroup() as group:
            listener = _Listener(job, run, group, server, progress)
            uploads = group.create_task(listener.upload_files())
            conclusion = await Conversation(run, reins, log=log, take=listener.take).hold()
            await listener.no_more()
            await uploads
            listener.drop_questions()
    except ExceptionGroup as failures:  # the first one ended the others
        raise failures.exceptions[0] from failures
    return Ended(conclusion, listener.message)


class _Listener:
    """Collects what a run tells of itself, and passes its questions and files on."""

    def __init__(
        self, job: Job, run: RunProcess, group: asyncio.TaskGroup, server: JobServer, progress: Progress
    ) -> None:
        self.message = WorkflowResult()
        # How many executions the server has for a next attempt.
        self._kept = 0
        self._job = job
        self._run = run
        self._group = group
        self._server = server
        self._progress = progress
        self._files: asyncio.Queue[tuple[str, Path] | None] = asyncio.Queue(WAITING_ARTIFACTS)
        self._questions: set[asyncio.Task[None]] = set()

    async def take(self, name: str, value: Any) -> None:
        match name:
            case "ask":
                question = self._group.create_task(self._answer(*value))
                self._questions.add(question)
                question.add_done_callback(self._questions.discard)
            case "artifact":
                kind, path = value
                await self._files.put((kind, Path(path)))
            case "browser":
                micros, event_type, details = value
                await self._server.browser_event(event_type, details, micros)
            case "progress":
                self._progress(*value)
            case "resumed":
                self.message.node_executions.extend(self._job.executed)
                self._kept = len(self._job.executed)
            case "executed":
                for fields in value:
                    self.message.node_executions.add(**(fields | {"status": _STATUS[fields["status"]]}))
            case "values":
                self.message.variables, self.message.outputs = value
            case _:
                log.warning("a run sent an unknown message", name=name)

    async def no_more(self) -> None:
        """The run has said all it had to say."""
        await self._files.put(None)

    def drop_questions(self) -> None:
        """Nobody is left to hear an answer, which may be long in coming while the server is away."""
        for question in self._questions:
            question.cancel()

    async def upload_files(self) -> None:
        """Store files as they come, until there are no more."""
        while (file := await self._files.get()) is not None:
            await self._server.artifact(*file)

    async def _answer(self, number: int, question: str, value: Any) -> None:
        try:
            answer = await self._found(question, value)
        except JobServerRefused as refusal:
            self._run.refuse(number, str(refusal))
        else:
            self._run.answer(number, answer)

    async def _found(self, question: str, value: Any) -> object:
        match question:
            case messages.ALLOW_URL:
                return await self._server.resolve(value)
            case messages.WORKFLOW:
                found = await self._server.workflow(value)
                return [
                    found.workflow_id,
                    base64.b64encode(found.graph.SerializeToString()).decode(),
                    dict(found.secrets),
                ]
            case messages.CHECKPOINT:
                await self._keep()
                return None
        raise JobServerRefused(f"nobody knows what {question!r} asks")

    async def _keep(self) -> None:
        """Store where the run is, which waits for it, and what it has executed since it was stored last."""
        executed = self.message.node_executions[self._kept :]
        state = await asyncio.to_thread((self._job.folder / messages.CHECKPOINT_FILE).read_bytes)
        await self._server.keep(state, executed, before=self._kept)
        self._kept += len(executed)
