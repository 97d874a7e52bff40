"""ComfyWorkerService: what workers need to hold sessions and to send prompts, under their leases."""

import math
from collections.abc import AsyncGenerator
from typing import Any

import grpc
import sqlalchemy as sa
from google.protobuf.duration_pb2 import Duration

from server.clock import Clock, to_timestamp
from server.comfy import prompt_store, prompt_view, session_store
from server.comfy.calls import Calls
from server.comfy.claims import PromptClaims, held_session, require_prompt, require_session
from server.comfy.live import Live
from server.comfy.session_row import SessionRow
from server.database.after_commit import after_commit
from server.database.database import Database
from server.database.text import storable
from server.errors import InvalidArgument, LeaseLost
from server.secret_box import SecretBox
from server.tasks import store
from server.tasks.kernel import LOOK_SECONDS, Kernel
from server.tasks.task import TaskRow
from server.tasks.worker_service import AddressRule
from switchyard.comfy.v1 import comfy_worker_service_pb2 as pb
from switchyard.comfy.v1 import comfy_worker_service_pb2_grpc as pb_grpc
from switchyard.comfy.v1.prompt_pb2 import PromptEvent
from switchyard.comfy.v1.session_service_pb2 import StartSessionRequest
from switchyard.tasks.v1.task_pb2 import Task
from switchyard.tasks.v1.worker_service_pb2 import LeaseKey

Context = grpc.aio.ServicerContext[Any, Any]


class ComfyWorkerService(pb_grpc.ComfyWorkerServiceServicer):
    """Serves workers that hold a lease on a session, or on one of its prompts."""

    def __init__(
        self,
        database: Database,
        kernel: Kernel,
        calls: Calls,
        claims: PromptClaims,
        live: Live,
        secret_box: SecretBox,
        outbound: AddressRule,
        clock: Clock,
    ) -> None:
        self._database = database
        self._kernel = kernel
        self._calls = calls
        self._claims = claims
        self._live = live
        self._secret_box = secret_box
        self._outbound = outbound
        self._clock = clock

    async def GetSessionPlan(self, request: pb.GetSessionPlanRequest, _context: Context) -> pb.GetSessionPlanResponse:
        """Give what a session is to be."""
        row = await self._database.read(lambda connection: held_session(connection, request.lease))
        credentials = self._credentials(row)
        return pb.GetSessionPlanResponse(
            username=credentials.username,
            password=credentials.password,
            url=row.url,
            addresses=await self._outbound.resolve(row.url),
            port=row.wanted_port,
            headless=row.headless,
            mode=row.mode,
            on_restart=row.on_restart,
        )

    async def ReportReady(self, request: pb.ReportReadyRequest, _context: Context) -> pb.ReportReadyResponse:
        """Note that a session takes calls, unless its end was asked for."""
        sealed = self._secret_box.encrypt(request.browser_endpoint) if request.browser_endpoint else None

        def work(connection: sa.Connection) -> None:
            require_session(connection, request.lease)
            session = store.held(connection, request.lease.task_id, request.lease.fencing_token)
            if session.state != Task.STATE_RUNNING:
                return
            session_store.set_ready(
                connection,
                session.id,
                port=request.port if request.HasField("port") else None,
                sealed_endpoint=sealed,
                frontend_version=storable(request.frontend_version) or None,
                now=self._clock(),
            )
            after_commit(connection, lambda: self._kernel.changes.notify((session.id,)))

        await self._database.write(work)
        return pb.ReportReadyResponse()

    async def FollowCalls(
        self, request: pb.FollowCallsRequest, context: Context
    ) -> AsyncGenerator[pb.FollowCallsResponse, None]:
        """Send calls as they come."""
        lease = request.lease
        await self._database.read(lambda connection: require_session(connection, lease))
        with (
            self._kernel.changes.watch(lease.task_id) as watch,
            self._calls.follow(lease.task_id, watch) as follower,
        ):
            # Whoever sees this knows that no call is missed from now on.
            await context.send_initial_metadata(())
            while not follower.replaced:
                for call in follower.take():
                    yield call
                await watch.wait(LOOK_SECONDS)
                try:
                    await self._kernel.held(lease.task_id, lease.fencing_token)
                except LeaseLost:
                    return

    async def AnswerCall(self, request: pb.AnswerCallRequest, _context: Context) -> pb.AnswerCallResponse:
        """Hand an answer to the caller who waits for it."""
        if request.WhichOneof("answer") is None:
            raise InvalidArgument.field("answer", "must be given: opened, composed or refusal")
        await self._database.read(lambda connection: require_session(connection, request.lease))
        self._calls.answer(request.lease.task_id, request)
        return pb.AnswerCallResponse()

    async def ClaimPrompt(self, request: pb.ClaimPromptRequest, _context: Context) -> pb.ClaimPromptResponse:
        """Give the next prompt."""
        prompt = await self._claims.claim(request.lease, wait_seconds=request.wait_seconds)
        if prompt is None:
            return pb.ClaimPromptResponse()
        sent = prompt_view.payload(prompt)
        graph, workflow = await self._database.read(
            lambda connection: session_store.graph(connection, sent.session_id, sent.graph_number)
        )
        return pb.ClaimPromptResponse(
            lease=LeaseKey(task_id=prompt.id, fencing_token=prompt.fencing_token),
            attempt=prompt.attempt,
            prompt=graph,
            workflow=workflow,
            seed=sent.seed if sent.HasField("seed") else None,
            attempt_timeout=Duration(seconds=prompt.attempt_timeout_seconds),
        )

    async def ReportPrompt(self, request: pb.ReportPromptRequest, _context: Context) -> pb.ReportPromptResponse:
        """Note what ComfyUI calls a prompt, and tell those who follow what happens to it."""
        prompt = await self._database.read(lambda connection: require_prompt(connection, request.lease))
        events = [self._event(prompt, event) for event in request.events]
        if request.comfy_prompt_id:
            await self._database.write(lambda connection: self._set_comfy_id(connection, request))
        self._live.publish(prompt_view.payload(prompt).session_id, prompt.id, events)
        return pb.ReportPromptResponse()

    def _credentials(self, row: SessionRow) -> StartSessionRequest.Credentials:
        if row.sealed_credentials is None:
            raise LeaseLost(row.id)  # It has ended since it was looked at.
        return StartSessionRequest.Credentials.FromString(self._secret_box.unseal(row.sealed_credentials))

    def _set_comfy_id(self, connection: sa.Connection, request: pb.ReportPromptRequest) -> None:
        prompt = store.held(connection, request.lease.task_id, request.lease.fencing_token)
        prompt_store.set_comfy_id(connection, prompt.id, storable(request.comfy_prompt_id))
        after_commit(connection, lambda: self._kernel.changes.notify((prompt.id,)))

    def _event(self, prompt: TaskRow, event: PromptEvent) -> PromptEvent:
        """Return an event as followers get it. Raises InvalidArgument."""
        _check(event)
        shown = PromptEvent()
        shown.CopyFrom(event)
        shown.prompt_id = prompt.id
        shown.ClearField("prompt")
        if not shown.HasField("time"):
            shown.time.CopyFrom(to_timestamp(self._clock()))
        return shown


def _check(event: PromptEvent) -> None:
    if event.kind in (PromptEvent.KIND_UNSPECIFIED, PromptEvent.KIND_STATUS):
        raise InvalidArgument.field("events", "must tell of nodes; the status of a prompt is told by its task")
    if event.HasField("fraction") and not 0.0 <= event.fraction <= 1.0:
        raise InvalidArgument.field("events", "must have fractions between 0 and 1")
    if not (math.isfinite(event.value) and math.isfinite(event.max)):
        raise InvalidArgument.field("events", "must have finite numbers")
