"""What is said with a run process from its start to the proof of its end, and what that comes to.

Knows no server: whoever holds the job of a run (a worker, a robot) says through `Reins` when it must end.
"""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import structlog

from switchyard.tasks.v1.task_pb2 import CancelReceipt
from workers.flow.host import Level
from workers.flow.outcome import Outcome
from workers.runner.messages import Ending
from workers.runner.run_link import RunProcess

# A run is given this much of its grace when the program that holds it stops: the whole stop has 30 s.
STOP_GRACE_SECONDS: Final = 5.0
# Time for the last output of a run of which processes are left.
DRAIN_SECONDS: Final = 2.0

Interruption: TypeAlias = Literal["cancel", "timeout", "stop"]
# Takes a line: level, text, and when it was said in micros since the epoch; None is now.
Log: TypeAlias = Callable[[Level, str, int | None], None]
# Takes a message that not every program sends; see `workers.runner.messages`.
Take: TypeAlias = Callable[[str, Any], Awaitable[None]]

log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reins:
    """When a run must end before it has come to its end."""

    cancelled: asyncio.Event  # somebody asked for it
    stopping: asyncio.Event  # the program that holds it ends: the job is to be given back
    deadline: float  # on the clock of the loop
    grace_seconds: float = 10.0  # between asking it to end and killing it
    cancel_reason: Callable[[], str] = str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """How a run ended, from what it said itself, what was done to it, and what was found afterwards.

    "released" is a run that was ended because its holder stops: it is to begin anew elsewhere. The error is empty
    unless it failed. `receipt` tells what was done to end it; it matters where it was cancelled.
    """

    state: Literal["succeeded", "failed", "cancelled", "released"]
    outcome: Outcome | None  # what the run said itself; None when it came to say nothing
    interruption: Interruption | None
    error_type: str = ""
    error_message: str = ""
    retryable: bool = False
    exit_code: int | None = None  # negative for a signal; None when it was lost
    receipt: CancelReceipt


class Conversation:
    """Passes on what a run says, and ends it when that is due."""

    def __init__(self, run: RunProcess, reins: Reins, *, log: Log, take: Take) -> None:
        self._run = run
        self._reins = reins
        self._log = log
        self._take = take
        self._outcome: Outcome | None = None
        self._request_micros: int | None = None

    async def hold(self) -> Conclusion:
        """Return when no process of the run is left and everything it said was passed on."""
        try:
            async with asyncio.TaskGroup() as group:
                return await self._hold(group)
        except ExceptionGroup as failures:  # the first one ended the others
            raise failures.exceptions[0] from failures

    async def _hold(self, group: asyncio.TaskGroup) -> Conclusion:
        readers = [
            group.create_task(self._take_messages()),
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
        return self._conclude(interruption, ending)

    async def _first_interruption(self) -> Interruption | None:
        """Wait for the end of the run, or for a reason to end it; None is its own end."""
        reins = self._reins
        ended = asyncio.ensure_future(self._run.ended())
        cancel = asyncio.ensure_future(reins.cancelled.wait())
        stop = asyncio.ensure_future(reins.stopping.wait())
        seconds = reins.deadline - asyncio.get_running_loop().time()
        try:
            await asyncio.wait((ended, cancel, stop), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiting in (ended, cancel, stop):
                waiting.cancel()
        if ended.done() and not ended.cancelled():
            return None
        if reins.cancelled.is_set():
            return "cancel"
        return "stop" if reins.stopping.is_set() else "timeout"

    async def _end(self, interruption: Interruption) -> Ending:
        """Ask the run to end; after its grace have it killed."""
        reins = self._reins
        self._log("warning", _SENTENCES[interruption].format(reason=reins.cancel_reason()).strip(), None)
        self._request_micros = time.time_ns() // 1000
        self._run.cancel(interruption)
        grace = min(reins.grace_seconds, STOP_GRACE_SECONDS) if interruption == "stop" else reins.grace_seconds
        try:
            async with asyncio.timeout(grace):
                return await self._run.ended()
        except TimeoutError:
            self._log("warning", f"It did not end within {grace:g} s and is killed.", None)
            self._run.stop()
            return await self._run.ended()

    def _conclude(self, interruption: Interruption | None, ending: Ending) -> Conclusion:
        outcome = self._outcome
        common: dict[str, Any] = {
            "outcome": outcome,
            "interruption": interruption,
            "exit_code": ending.exit_code,
            "receipt": self._receipt(ending),
        }
        if outcome is not None and outcome.state == "succeeded":
            return Conclusion(state="succeeded", **common)
        if self._reins.cancelled.is_set() and interruption is not None:
            self._log("info", "Stopped.", None)
            return Conclusion(state="cancelled", **common)
        if interruption == "timeout":
            sentence = "the run took longer than allowed"
            return Conclusion(state="failed", error_type="Timeout", error_message=sentence, **common)
        if interruption == "stop" and (outcome is None or outcome.state == "cancelled"):
            return Conclusion(state="released", **common)
        if outcome is None:
            error_type, sentence, retryable = _without_outcome(ending.exit_code)
            self._log("error", f"{sentence[0].upper()}{sentence[1:]}.", None)
            return Conclusion(
                state="failed", error_type=error_type, error_message=sentence, retryable=retryable, **common
            )
        return Conclusion(
            state="failed",
            error_type=outcome.error_type or "Stopped",
            error_message=outcome.error_message,
            retryable=outcome.retryable,
            **common,
        )

    def _receipt(self, ending: Ending) -> CancelReceipt:
        receipt = CancelReceipt(exit_code=ending.exit_code, process_count_left=max(0, ending.left))
        requests = () if self._request_micros is None else (("request", self._request_micros),)
        for name, micros in (*requests, *ending.signals):
            receipt.signals.add(name=name).send_time.FromMicroseconds(micros)
        receipt.confirm_time.FromMicroseconds(ending.confirm_micros)
        return receipt

    async def _take_messages(self) -> None:
        async for name, value in self._run.messages():
            match name:
                case "log":
                    micros, level, text = value
                    self._log(level, text, micros)
                case "outcome":
                    self._outcome = Outcome(**value)
                case _:
                    await self._take(name, value)

    async def _take_output(self, level: Level) -> None:
        async for shown, line in self._run.output_lines(level):
            self._log(shown, line, None)


def _without_outcome(code: int | None) -> tuple[str, str, bool]:
    """Return type and sentence of the error of a run that came to say nothing, and whether to try again."""
    if code is not None and code >= 0:
        return "ProcessFailed", f"the run process ended with exit code {code} and gave no result", False
    how = "was lost" if code is None else f"was ended by {signal.Signals(-code).name}"
    return "ProcessLost", f"the run process {how}", True


_SENTENCES: Final[dict[Interruption, str]] = {
    "cancel": "Asked to stop. {reason}",
    "timeout": "The time allowed for this run is over; it is asked to end.",
    "stop": "The worker stops; the run is asked to end and will begin anew.",
}
