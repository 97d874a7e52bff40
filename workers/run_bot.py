"""Tasks of kind "run_bot": one run of a bot in processes of its own."""

import asyncio
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import structlog
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Struct

from switchyard.bots.v1 import bot_worker_service_pb2 as bots_pb
from switchyard.tasks.v1 import task_pb2
from switchyard.tasks.v1 import worker_service_pb2 as pb
from workers import state_files
from workers.artifact_upload import FileRefused, upload
from workers.assignment import STOPPING, Assignment, Report, cancelled, failed, succeeded
from workers.attempt_folder import PathRefused, fetch_files
from workers.browser_report import BrowserReport, End
from workers.flow.host import Level
from workers.flow.outcome import Outcome
from workers.runner.launcher import Launcher, RunnerLost, RunProcess
from workers.runner.messages import Ending
from workers.server_link import LeaseLost, Refused
from workers.state_files import StateFile, StateRefused

# A run is given this much of its grace when the worker stops: the whole stop has 30 s.
STOP_GRACE_SECONDS: Final = 5.0
# Artifacts that wait to be sent; a run that makes more waits.
WAITING_ARTIFACTS: Final = 100
# Time for the last output of a run of which processes are left.
DRAIN_SECONDS: Final = 2.0
# Outputs beyond this do not go into the result, which is one message.
OUTPUTS_BYTES: Final = 1024 * 1024

Interruption: TypeAlias = Literal["cancel", "timeout", "stop"]

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
            if (early := _not_begun(assignment)) is not None:
                return early
            state = await asyncio.to_thread(state_files.look, assignment.folder)
            async with self.launcher.start(self._job(assignment, payload)) as run:
                report = await _Conversation(assignment, run, self.grace_seconds).hold()
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


def _not_begun(assignment: Assignment) -> Report | None:
    """Return the report of a run that was ended before it had a process; None when it may begin."""
    if assignment.lease.cancelled.is_set():
        assignment.log.add("info", "Stopped before it began.")
        receipt = task_pb2.CancelReceipt()
        receipt.confirm_time.GetCurrentTime()
        return cancelled(receipt)
    if assignment.stopping.is_set():
        return pb.ReleaseTaskRequest(reason=STOPPING)
    return None


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


class _Conversation:
    """Takes what a run sends, and ends it when that is due."""

    def __init__(self, assignment: Assignment, run: RunProcess, grace_seconds: float) -> None:
        self._assignment = assignment
        self._run = run
        self._grace_seconds = grace_seconds
        self._outcome: Outcome | None = None
        task = assignment.task
        self._browser = BrowserReport(assignment.link, task.id, task.attempt, profile_id=task.subject)
        self._files: asyncio.Queue[tuple[str, Path] | None] = asyncio.Queue(WAITING_ARTIFACTS)
        self._request_micros: int | None = None

    async def hold(self) -> Report:
        """Return when no process of the run is left and everything it said was passed on."""
        async with asyncio.TaskGroup() as group:
            uploads = group.create_task(self._upload_files())
            reporting = group.create_task(self._browser.send())
            readers = [
                group.create_task(self._take_messages(group)),
                group.create_task(self._take_output("info")),
                group.create_task(self._take_output("warning")),
            ]
            interruption = await self._first_interruption()
            ending = await (self._run.ended() if interruption is None else self._end(interruption))
            # What is left may hold the pipes open for ever.
            whole = ending.left == 0 and ending.exit_code is not None
            await asyncio.wait(readers, timeout=None if whole else DRAIN_SECONDS)
            for reader in readers:
                reader.cancel()
            await self._files.put(None)
            await self._browser.end(self._end_of_session(interruption))
            await asyncio.wait([uploads, reporting])
        return self._judge(interruption, ending)

    def _end_of_session(self, interruption: Interruption | None) -> End:
        outcome = self._outcome
        if outcome is not None and outcome.state != "cancelled":
            reason = f"{outcome.error_type}: {outcome.error_message}" if outcome.error_type else ""
            return End(outcome.state == "succeeded", reason)
        return End(False, interruption or "the run process was lost")

    async def _first_interruption(self) -> Interruption | None:
        """Wait for the end of the run, or for a reason to end it; None is its own end."""
        assignment = self._assignment
        ended = asyncio.ensure_future(self._run.ended())
        cancel = asyncio.ensure_future(assignment.lease.cancelled.wait())
        stop = asyncio.ensure_future(assignment.stopping.wait())
        seconds = assignment.deadline - asyncio.get_running_loop().time()
        try:
            await asyncio.wait((ended, cancel, stop), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiting in (ended, cancel, stop):
                waiting.cancel()
        if ended.done() and not ended.cancelled():
            return None
        if assignment.lease.cancelled.is_set():
            return "cancel"
        return "stop" if assignment.stopping.is_set() else "timeout"

    async def _end(self, interruption: Interruption) -> Ending:
        """Ask the run to end; after its grace have it killed."""
        assignment = self._assignment
        assignment.log.add("warning", _SENTENCES[interruption].format(reason=assignment.lease.cancel_reason).strip())
        self._request_micros = time.time_ns() // 1000
        self._run.cancel(interruption)
        grace = min(self._grace_seconds, STOP_GRACE_SECONDS) if interruption == "stop" else self._grace_seconds
        try:
            async with asyncio.timeout(grace):
                return await self._run.ended()
        except TimeoutError:
            assignment.log.add("warning", f"It did not end within {grace:g} s and is killed.")
            self._run.stop()
            return await self._run.ended()

    def _judge(self, interruption: Interruption | None, ending: Ending) -> Report:
        """Say how the run ended, from what it said itself, what was done to it, and what was found afterwards."""
        outcome = self._outcome
        if outcome is not None and outcome.state == "succeeded":
            return succeeded(self._result(outcome), exit_code=ending.exit_code)
        if self._assignment.lease.cancelled.is_set() and interruption is not None:
            self._assignment.log.add("info", "Stopped.")
            return cancelled(self._receipt(ending))
        if interruption == "timeout":
            return failed("Timeout", "the run took longer than allowed", exit_code=ending.exit_code)
        if interruption == "stop" and (outcome is None or outcome.state == "cancelled"):
            return pb.ReleaseTaskRequest(reason=STOPPING)
        if outcome is None:
            return self._without_outcome(ending)
        return failed(
            outcome.error_type or "Stopped",
            outcome.error_message,
            retryable=outcome.retryable,
            result=self._result(outcome),
            exit_code=ending.exit_code,
        )

    def _without_outcome(self, ending: Ending) -> Report:
        code = ending.exit_code
        if code is not None and code >= 0:
            sentence = f"the run process ended with exit code {code} and gave no result"
            error_type, retryable = "ProcessFailed", False
        else:
            how = "was lost" if code is None else f"was ended by {signal.Signals(-code).name}"
            sentence, error_type, retryable = f"the run process {how}", "ProcessLost", True
        self._assignment.log.add("error", f"{sentence[0].upper()}{sentence[1:]}.")
        return failed(error_type, sentence, retryable=retryable, exit_code=code)

    def _receipt(self, ending: Ending) -> task_pb2.CancelReceipt:
        receipt = task_pb2.CancelReceipt(exit_code=ending.exit_code, process_count_left=max(0, ending.left))
        requests = () if self._request_micros is None else (("request", self._request_micros),)
        for name, micros in (*requests, *ending.signals):
            receipt.signals.add(name=name).send_time.FromMicroseconds(micros)
        receipt.confirm_time.FromMicroseconds(ending.confirm_micros)
        return receipt

    def _result(self, outcome: Outcome) -> bots_pb.RunBotResult:
        outputs = Struct()
        ParseDict(dict(outcome.outputs), outputs)
        if outputs.ByteSize() > OUTPUTS_BYTES:
            self._assignment.log.add("warning", "The outputs are larger than 1 MiB; they are in result.json only.")
            outputs.Clear()
        return bots_pb.RunBotResult(steps_finished=outcome.steps_finished, outputs=outputs)

    async def _take_messages(self, group: asyncio.TaskGroup) -> None:
        assignment = self._assignment
        async for name, value in self._run.messages():
            match name:
                case "log":
                    micros, level, text = value
                    assignment.log.add(level, text, micros)
                case "progress":
                    assignment.progress.set(*value)
                case "artifact":
                    kind, path = value
                    await self._files.put((kind, Path(path)))
                case "browser":
                    micros, event_type, details = value
                    await self._browser.add(event_type, details, micros)
                case "allow_url":
                    group.create_task(self._allow_url(*value))
                case "outcome":
                    self._outcome = Outcome(**value)
                case _:
                    log.warning("a run sent an unknown message", name=name)

    async def _take_output(self, level: Level) -> None:
        async for shown, line in self._run.output_lines(level):
            self._assignment.log.add(shown, line)

    async def _allow_url(self, number: int, url: str) -> None:
        link = self._assignment.link
        try:
            await link.call(link.tasks.ResolveAddress, pb.ResolveAddressRequest(url=url))
        except LeaseLost:
            raise
        except Refused as refusal:
            self._run.answer_allow_url(number, str(refusal))
        else:
            self._run.answer_allow_url(number, None)

    async def _upload_files(self) -> None:
        assignment = self._assignment
        while (file := await self._files.get()) is not None:
            kind, path = file
            try:
                await upload(assignment.link, assignment.lease.key, assignment.folder, kind, path)
            except FileRefused as refusal:
                assignment.log.add("warning", f"An artifact was not kept: {refusal}.")


_SENTENCES: Final[dict[Interruption, str]] = {
    "cancel": "Asked to stop. {reason}",
    "timeout": "The time allowed for this run is over; it is asked to end.",
    "stop": "The worker stops; the run is asked to end and will begin anew.",
}
