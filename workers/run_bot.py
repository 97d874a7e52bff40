"""Tasks of kind "run_bot": one run of a bot in processes of its own."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Struct

from switchyard.bots.v1 import bot_worker_service_pb2 as bots_pb
from switchyard.tasks.v1 import worker_service_pb2 as pb
from workers import state_files
from workers.artifact_upload import FileRefused, of_lease, upload
from workers.assignment import Assignment, Report, failed
from workers.attempt_folder import PathRefused, fetch_files
from workers.browser_report import BrowserReport
from workers.conversation import Conversation
from workers.flow.outcome import Outcome
from workers.run_report import end_of_session, not_begun, reins_of, report_of
from workers.runner.launcher import Launcher, RunnerLost
from workers.runner.run_link import RunProcess
from workers.server_link import LeaseLost, Refused
from workers.state_files import StateFile, StateRefused

# What a launcher calls the program of these runs.
PROGRAM: Final = "run_bot"

# Artifacts that wait to be sent; a run that makes more waits.
WAITING_ARTIFACTS: Final = 100
# Outputs beyond this do not go into the result, which is one message.
OUTPUTS_BYTES: Final = 1024 * 1024

log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RunBot:
    """The handler of this kind."""

    launcher: Launcher
    worker_host: str
    grace_seconds: float
    bots_dir: Path | None
    chromium_path: str | None

    async def __call__(self, assignment: Assignment) -> Report:
        """Run the bot of the Task and say how it ended.

        Raises:
            LeaseLost: the lease is over; nothing of the run is left.
            Refused: the instance is gone.
        """
        task = assignment.task
        payload = assignment.payload(bots_pb.RunBot)
        assignment.log.add("info", f"Run started on {self.worker_host}, attempt {task.attempt} of {task.max_attempts}.")
        try:
            await fetch_files(assignment.link, assignment.lease.key, assignment.folder)
            if (early := not_begun(assignment)) is not None:
                return early
            state = await asyncio.to_thread(state_files.look, assignment.folder)
            async with self.launcher.start(self._job(assignment, payload), program=PROGRAM) as run:
                report = await _Bot(assignment, run, self.grace_seconds).hold()
            await _keep_state(assignment, state)
            return report
        except ExceptionGroup as failures:  # of the parts of a conversation; the first one ended the others
            raise failures.exceptions[0] from failures
        except RunnerLost as error:
            assignment.log.add("error", f"The run could not be started: {error}.")
            return failed("RunnerLost", str(error), retryable=True)
        except PathRefused as error:
            assignment.log.add("error", f"The files of the instance cannot be used: {error}.")
            return failed("ConfigInvalid", str(error))

    def _job(self, assignment: Assignment, payload: bots_pb.RunBot) -> dict[str, object]:
        return {
            "folder": str(assignment.folder),
            "params": _whole(MessageToDict(payload.params)),
            "chromium_path": self.chromium_path,
            "bot_code": payload.bot_code,
            "bots_dir": None if self.bots_dir is None else str(self.bots_dir),
        }


async def _keep_state(assignment: Assignment, before: frozenset[StateFile]) -> None:
    """Keep what the run left in state/, however it ended: the next one is to know what this one has done."""
    try:
        await state_files.save(assignment.link, assignment.lease.key, assignment.folder, before)
    except LeaseLost:
        raise
    except (StateRefused, Refused) as refusal:
        assignment.log.add("warning", f"The files in state/ were not kept: {refusal}.")


def _whole(value: Any) -> Any:
    """Return a value of a Struct with whole numbers as integers: a Struct knows only floats, and 3 is not "3.0"."""
    match value:
        case dict():
            return {key: _whole(inner) for key, inner in value.items()}
        case list():
            return [_whole(inner) for inner in value]
        case float() if value.is_integer():
            return int(value)
    return value


class _Bot:
    """Takes what the run of a bot sends besides what every run does."""

    def __init__(self, assignment: Assignment, run: RunProcess, grace_seconds: float) -> None:
        self._assignment = assignment
        self._run = run
        self._grace_seconds = grace_seconds
        task = assignment.task
        self._browser = BrowserReport(assignment.link, task.id, task.attempt, profile_id=task.subject)
        self._files: asyncio.Queue[tuple[str, Path] | None] = asyncio.Queue(WAITING_ARTIFACTS)

    async def hold(self) -> Report:
        """Return when no process of the run is left and everything it said was passed on."""
        assignment = self._assignment
        async with asyncio.TaskGroup() as group:
            uploads = group.create_task(self._upload_files())
            reporting = group.create_task(self._browser.send())
            conversation = Conversation(
                self._run,
                reins_of(assignment, self._grace_seconds),
                log=assignment.log.add,
                take=lambda name, value: self._take(group, name, value),
            )
            conclusion = await conversation.hold()
            await self._files.put(None)
            await self._browser.end(end_of_session(conclusion))
            await asyncio.wait([uploads, reporting])
        outcome = conclusion.outcome
        return report_of(conclusion, None if outcome is None else self._result(outcome))

    def _result(self, outcome: Outcome) -> bots_pb.RunBotResult:
        outputs = Struct()
        ParseDict(dict(outcome.outputs), outputs)
        if outputs.ByteSize() > OUTPUTS_BYTES:
            self._assignment.log.add("warning", "The outputs are larger than 1 MiB; they are in result.json only.")
            outputs.Clear()
        return bots_pb.RunBotResult(steps_finished=outcome.steps_finished, outputs=outputs)

    async def _take(self, group: asyncio.TaskGroup, name: str, value: Any) -> None:
        match name:
            case "progress":
                self._assignment.progress.set(*value)
            case "artifact":
                kind, path = value
                await self._files.put((kind, Path(path)))
            case "browser":
                micros, event_type, details = value
                await self._browser.add(event_type, details, micros)
            case "ask":
                number, _, url = value  # a bot asks only whether it may open an address
                group.create_task(self._allow_url(number, url))
            case _:
                log.warning("a run sent an unknown message", name=name)

    async def _allow_url(self, number: int, url: str) -> None:
        link = self._assignment.link
        try:
            response = await link.call(link.tasks.ResolveAddress, pb.ResolveAddressRequest(url=url))
        except LeaseLost:
            raise
        except Refused as refusal:
            self._run.refuse(number, str(refusal))
        else:
            self._run.answer(number, list(response.addresses))

    async def _upload_files(self) -> None:
        assignment = self._assignment
        send = of_lease(assignment.link, assignment.lease.key)
        while (file := await self._files.get()) is not None:
            kind, path = file
            try:
                await upload(assignment.link, send, assignment.folder, kind, path)
            except FileRefused as refusal:
                assignment.log.add("warning", f"An artifact was not kept: {refusal}.")
