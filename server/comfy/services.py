"""Puts the parts of this package together: the servicers, the final hooks and what runs beside them."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import grpc

from server.clock import Clock
from server.comfy import prompt_store, prompt_view, session_end
from server.comfy.calls import Calls
from server.comfy.claims import PromptClaims
from server.comfy.comfy_worker_service import ComfyWorkerService
from server.comfy.endings import Endings
from server.comfy.housekeeping import Housekeeping
from server.comfy.live import Live
from server.comfy.new_task import PROMPT_KIND, SESSION_KIND
from server.comfy.session_service import SessionService
from server.comfy.starting import Starting
from server.comfy.workflow_service import WorkflowService
from server.database.database import Database
from server.fan_out import ALONE, FanOut
from server.secret_box import SecretBox
from server.tasks.artifacts import ArtifactFiles
from server.tasks.kernel import Kernel
from server.tasks.store import FinalHook
from server.tasks.task import TaskRow
from server.tasks.worker_service import AddressRule
from switchyard.comfy.v1 import comfy_worker_service_pb2_grpc, session_service_pb2_grpc, workflow_service_pb2_grpc

# The kernel calls these when a Task of the kind ends.
FINAL_HOOKS: Final[Mapping[str, FinalHook]] = {
    SESSION_KIND: session_end.on_session_final,
    PROMPT_KIND: prompt_store.on_final,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """How long sessions last and what they leave is kept.

    A session nobody uses ends after `idle_minutes`, 0 for never. A start waits `wait_seconds` for a worker.
    """

    idle_minutes: int
    wait_seconds: int
    retention_days: int


@dataclass(frozen=True, slots=True)
class ComfyServices:
    """The servicers of this package and what runs beside them."""

    sessions: SessionService
    workflows: WorkflowService
    workers: ComfyWorkerService
    claims: PromptClaims
    endings: Endings
    housekeeping: Housekeeping

    def add_to_server(self, server: grpc.aio.Server) -> None:
        """Register every servicer."""
        session_service_pb2_grpc.add_SessionServiceServicer_to_server(self.sessions, server)
        workflow_service_pb2_grpc.add_WorkflowServiceServicer_to_server(self.workflows, server)
        comfy_worker_service_pb2_grpc.add_ComfyWorkerServiceServicer_to_server(self.workers, server)

    def close(self) -> None:
        """Let nobody wait any more for what may come: the server stops."""
        self.claims.close()

    async def run_background(self) -> None:
        """End idle sessions and clear away until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.endings.run())
            group.create_task(self.housekeeping.run())


def build(
    *,
    database: Database,
    kernel: Kernel,
    artifact_files: ArtifactFiles,
    secret_box: SecretBox,
    outbound: AddressRule,
    clock: Clock,
    limits: SessionLimits,
    fan_out: FanOut = ALONE,
) -> ComfyServices:
    """Return the parts of this package, wired to those of the kernel. `kernel` has `FINAL_HOOKS` among its hooks."""
    calls, live = Calls(fan_out), Live(fan_out)
    claims = PromptClaims(database, kernel)
    starting = Starting(database, kernel, wait_seconds=limits.wait_seconds)
    endings = Endings(database, kernel, idle_minutes=limits.idle_minutes, wait_seconds=limits.wait_seconds)
    _listen(kernel, calls, live, endings)
    return ComfyServices(
        sessions=SessionService(database, kernel, starting, secret_box, outbound, clock),
        workflows=WorkflowService(database, kernel, calls, live, artifact_files, clock),
        workers=ComfyWorkerService(database, kernel, calls, claims, live, secret_box, outbound, clock),
        claims=claims,
        endings=endings,
        housekeeping=Housekeeping(database, clock, retention_days=limits.retention_days),
    )


def _listen(kernel: Kernel, calls: Calls, live: Live, endings: Endings) -> None:
    """Have those told who wait, whenever a session or a prompt changes."""

    def session_changed(session: TaskRow) -> None:
        live.session_changed(session.id)
        if session.final:
            calls.session_ended(session.id, session.error_message or session.cancel_reason)

    def prompt_changed(prompt: TaskRow) -> None:
        live.prompt_changed(prompt_view.payload(prompt).session_id, prompt)
        if prompt.final:
            endings.prompt_ended()

    kernel.listen((SESSION_KIND,), session_changed)
    kernel.listen((PROMPT_KIND,), prompt_changed)
