"""The Task of one prompt, on the worker's side: keeps its lease, tells what happens to it, reports its end."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import structlog

from switchyard.comfy.v1 import comfy_worker_service_pb2 as pb
from switchyard.comfy.v1.prompt_pb2 import PromptEvent, PromptResult
from switchyard.tasks.v1 import task_pb2
from switchyard.tasks.v1 import worker_service_pb2 as tasks_pb
from workers import artifact_upload
from workers.assignment import cancelled, failed, succeeded
from workers.flow.host import Level
from workers.lease import Lease
from workers.log_shipper import LogShipper
from workers.server_link import LeaseLost, Refused, ServerLink

# Holds log lines in the folder of the session while the server is away.
SPILL_FILE: Final = ".log-backlog-prompt"
# Events that wait for the server; when it is away for long the oldest go.
WAITING_EVENTS: Final = 10_000

_KINDS: Final[Mapping[str, PromptEvent.Kind.ValueType]] = {
    "node": PromptEvent.KIND_NODE,
    "progress": PromptEvent.KIND_PROGRESS,
    "cached": PromptEvent.KIND_CACHED,
    "executed": PromptEvent.KIND_EXECUTED,
}

_ERROR_TYPES: Final[Mapping[str, str]] = {
    "refused": "GraphRefused",
    "error": "NodeFailed",
    "interrupted": "Interrupted",
    "lost": "Lost",
    "timeout": "Timeout",
}

# Fields of an end, as `messages.ENDED` has them.
End: TypeAlias = Mapping[str, Any]

log: Final = structlog.get_logger(__name__)


class PromptTask:
    """One prompt that this worker has. `lease.cancelled` is set when it is to be stopped, also because it was lost."""

    def __init__(self, link: ServerLink, lease: Lease, folder: Path) -> None:
        self.lease = lease
        self._link = link
        self._folder = folder
        self._log = LogShipper(self._append_log, folder / f"{SPILL_FILE}-{lease.task_id}")
        # Told, and not sent yet.
        self._comfy_prompt_id: str | None = None
        self._events: list[PromptEvent] = []
        self._changed = asyncio.Event()
        self._sending = asyncio.Lock()
        self._lost = asyncio.Event()

    @property
    def id(self) -> str:
        """Id of the prompt, and of its Task."""
        return self.lease.task_id

    async def keep(self) -> None:
        """Keep the lease and pass on what is told, until this is cancelled. Never raises on account of the Task."""
        try:
            async with asyncio.TaskGroup() as group:
                for work in (
                    self.lease.renew(self._link),
                    self.lease.watch_cancel(self._link),
                    self._log.ship(),
                    self._report(),
                ):
                    group.create_task(work)
        except* Refused as refusals:  # the lease is lost, mostly
            log.warning("a prompt is dropped", prompt_id=self.id, reasons=str(refusals.exceptions))
            self._lost.set()
            self.lease.cancelled.set()

    def sent(self, comfy_prompt_id: str) -> None:
        """ComfyUI has it under this id."""
        self._comfy_prompt_id = comfy_prompt_id
        self._changed.set()

    def happened(self, micros: int, happenings: Sequence[Mapping[str, Any]]) -> None:
        """Pass on what happened at `micros`; see `workers.comfy.happenings.Happening`."""
        for happening in happenings:
            event = PromptEvent(**{**happening, "kind": _KINDS[happening["kind"]]})
            event.time.FromMicroseconds(micros)
            self._events.append(event)
        del self._events[:-WAITING_EVENTS]
        self._changed.set()

    def log(self, level: Level, text: str) -> None:
        """Add a line to the log of the Task."""
        self._log.add(level, text)

    async def store(self, path: Path) -> None:
        """Store a file of the prompt.

        Raises:
            FileRefused: it cannot be kept.
        """
        send = artifact_upload.of_lease(self._link, self.lease.key)
        try:
            await artifact_upload.upload(self._link, send, self._folder, "result", path)
        except LeaseLost as error:
            raise artifact_upload.FileRefused("the prompt is no longer ours") from error

    async def finish(self, end: End) -> None:
        """Report the end, once all that was told before is stored. `keep` is to be cancelled afterwards."""
        report = self._report_of(end)
        if report.HasField("failed"):
            self._log.add("error", report.failed.error.message)
        # Nothing is stored any more once the lease is lost, which `keep` finds out.
        if await self._unless_lost(self._flush()):
            return
        report.lease.CopyFrom(self.lease.key)
        try:
            await self._link.call(self._link.tasks.FinishTask, report)
        except Refused as refusal:
            log.warning("the end of a prompt was not taken", prompt_id=self.id, reason=refusal.reason)
        else:
            log.info("prompt ended", prompt_id=self.id, state=end["state"])

    def close(self) -> None:
        """Drop what was not sent."""
        self._log.close()

    def _report_of(self, end: End) -> tasks_pb.FinishTaskRequest:
        state = end["state"]
        if state == "success":
            return succeeded(pb.SendPromptResult(results=[PromptResult(**result) for result in end["results"]]))
        if state == "interrupted" and self.lease.cancelled.is_set():
            receipt = task_pb2.CancelReceipt()
            receipt.confirm_time.GetCurrentTime()
            return cancelled(receipt)
        result = pb.SendPromptResult(
            node_id=end.get("node_id", ""), node_type=end.get("node_type", ""), lost=state == "lost"
        )
        return failed(_ERROR_TYPES[state], end["message"], result=result)

    async def _unless_lost(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do `work`; return whether the lease was lost before it was done."""
        working, losing = asyncio.create_task(work), asyncio.create_task(self._lost.wait())
        try:
            await asyncio.wait((working, losing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (working, losing):
                task.cancel()
            await asyncio.gather(working, losing, return_exceptions=True)
        return self._lost.is_set()

    async def _flush(self) -> None:
        await self._send_report()
        await self._log.flush()

    async def _report(self) -> None:
        while True:
            await self._changed.wait()
            await self._send_report()

    async def _send_report(self) -> None:
        """Send all that was told; what comes meanwhile is sent next."""
        async with self._sending:
            self._changed.clear()
            request = pb.ReportPromptRequest(
                lease=self.lease.key, comfy_prompt_id=self._comfy_prompt_id, events=self._events
            )
            self._comfy_prompt_id, self._events = None, []
            if request.HasField("comfy_prompt_id") or request.events:
                await self._link.call(self._link.comfy.ReportPrompt, request)

    async def _append_log(self, first_sequence: int, lines: Sequence[task_pb2.LogLine]) -> None:
        request = tasks_pb.AppendLogRequest(lease=self.lease.key, first_sequence=first_sequence, lines=lines)
        await self._link.call(self._link.tasks.AppendLog, request)
