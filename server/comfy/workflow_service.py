"""WorkflowService: workflows in sessions, their prompts and what those leave, as the wire says it."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc
import sqlalchemy as sa
from google.api import httpbody_pb2

from server.clock import Clock
from server.comfy import prompt_store, prompt_view, session_lookup, session_store, session_view
from server.comfy.calls import Calls
from server.comfy.following import Following
from server.comfy.live import Live
from server.comfy.prompt_store import Filters
from server.comfy.prompt_view import PromptRow
from server.comfy.queueing import Queueing
from server.comfy.refusals import refusal_of
from server.comfy.session_lookup import name_of, tenant_of_caller
from server.comfy.session_row import Standing, standing
from server.comfy.workflow_path import below_workflows
from server.database.database import Database
from server.database.text import storable
from server.errors import InvalidArgument
from server.paging import number_before, page_limit, token_behind
from server.rpc.caller import CALLER
from server.tasks import artifact_download, artifacts
from server.tasks.artifacts import ArtifactFiles
from server.tasks.kernel import Kernel
from switchyard.comfy.v1 import comfy_worker_service_pb2 as worker_pb
from switchyard.comfy.v1 import workflow_service_pb2 as pb
from switchyard.comfy.v1 import workflow_service_pb2_grpc as pb_grpc
from switchyard.comfy.v1.prompt_pb2 import Prompt

Context = grpc.aio.ServicerContext[Any, Any]


class WorkflowService(pb_grpc.WorkflowServiceServicer):
    """Serves workflows and prompts; a caller that is bound to a tenant meets only what is its own."""

    def __init__(
        self,
        database: Database,
        kernel: Kernel,
        calls: Calls,
        live: Live,
        artifact_files: ArtifactFiles,
        clock: Clock,
    ) -> None:
        self._database = database
        self._kernel = kernel
        self._calls = calls
        self._live = live
        self._artifact_files = artifact_files
        self._clock = clock
        self._queueing = Queueing(database, kernel, calls, clock)
        self._following = Following(database, live, clock)

    async def OpenWorkflow(self, request: pb.OpenWorkflowRequest, _context: Context) -> pb.OpenWorkflowResponse:
        """Open a workflow in a session."""
        opening = _opening(request)
        tenant, name = tenant_of_caller(), name_of(request.session)
        session = await self._database.read(lambda connection: session_lookup.require_ready(connection, tenant, name))
        answer = await self._calls.ask(session.id, worker_pb.FollowCallsResponse(open=opening))
        if answer.WhichOneof("answer") != "opened":
            raise refusal_of(answer, name)
        opened, path = answer.opened, opening.workflow_path or None

        def work(connection: sa.Connection) -> None:
            session_store.set_workflow(
                connection, session.id, path=path, node_count=opened.node_count, now=self._clock()
            )

        await self._database.write(work)
        return _opened(session_view.user_data_path(path), opened)

    async def QueueWorkflow(self, request: pb.QueueWorkflowRequest, _context: Context) -> pb.QueueWorkflowResponse:
        """Queue the open workflow."""
        return await self._queueing.queue(request)

    async def GetWorkflowStatus(
        self, request: pb.GetWorkflowStatusRequest, _context: Context
    ) -> pb.GetWorkflowStatusResponse:
        """Say what is open and how its prompts stand."""
        tenant, name = tenant_of_caller(), name_of(request.session)

        def query(connection: sa.Connection) -> pb.GetWorkflowStatusResponse:
            session = session_store.newest(connection, tenant, name)
            if session is None:
                return pb.GetWorkflowStatusResponse(session=name)
            counts = prompt_store.counts(connection, session.id)
            active = standing(session) is Standing.READY
            current = prompt_store.running(connection, session.id)
            return pb.GetWorkflowStatusResponse(
                active=active,
                session=name,
                workflow_open=active and session.workflow_open,
                workflow_path=session_view.user_data_path(session.workflow_path),
                node_count=session.node_count,
                queued=counts.get(Prompt.STATUS_QUEUED, 0),
                running=counts.get(Prompt.STATUS_RUNNING, 0),
                success=counts.get(Prompt.STATUS_SUCCESS, 0),
                error=counts.get(Prompt.STATUS_ERROR, 0),
                cancelled=counts.get(Prompt.STATUS_CANCELLED, 0),
                lost=counts.get(Prompt.STATUS_LOST, 0),
                current=None if current is None else self._shown(current),
            )

        return await self._database.scan(query)

    async def ListPrompts(self, request: pb.ListPromptsRequest, _context: Context) -> pb.ListPromptsResponse:
        """List a page of prompts."""
        filters = Filters(request.session, CALLER.get().tenant_id, request.status)
        limit, before = page_limit(request.page_size), number_before(request.page_token)
        rows = await self._database.scan(
            lambda connection: prompt_store.page(connection, filters, before_number=before, limit=limit + 1)
        )
        return pb.ListPromptsResponse(
            prompts=[self._shown(row) for row in rows[:limit]],
            next_page_token=token_behind(rows[limit - 1].task.number) if len(rows) > limit else "",
        )

    async def GetPrompt(self, request: pb.GetPromptRequest, _context: Context) -> pb.GetPromptResponse:
        """Read one prompt."""
        return pb.GetPromptResponse(prompt=self._shown(await self._require(request.prompt_id)))

    async def CancelPrompt(self, request: pb.CancelPromptRequest, _context: Context) -> pb.CancelPromptResponse:
        """Ask one prompt to end."""
        row = await self._require(request.prompt_id)
        task = await self._kernel.cancel(row.task.id, storable(request.reason))
        return pb.CancelPromptResponse(prompt=self._shown(row._replace(task=task)))

    async def WatchPrompt(
        self, request: pb.WatchPromptRequest, _context: Context
    ) -> AsyncGenerator[pb.WatchPromptResponse, None]:
        """Follow one prompt."""
        row = await self._require(request.prompt_id)
        following = self._following.prompt(prompt_view.payload(row.task).session_id, row.task.id)
        async with aclosing(following) as responses:
            async for response in responses:
                yield response

    async def WatchSession(
        self, request: pb.WatchSessionRequest, _context: Context
    ) -> AsyncGenerator[pb.WatchSessionResponse, None]:
        """Follow all prompts of a session."""
        tenant, name = tenant_of_caller(), name_of(request.session)
        session = await self._database.read(lambda connection: session_lookup.require_living(connection, tenant, name))
        async with aclosing(self._following.session(session.id)) as responses:
            async for response in responses:
                yield response

    async def ListPromptResults(
        self, request: pb.ListPromptResultsRequest, _context: Context
    ) -> pb.ListPromptResultsResponse:
        """List the files that a prompt left."""
        row = await self._require(request.prompt_id)
        files = await self._database.read(lambda connection: artifacts.list_artifacts(connection, row.task.id))
        return pb.ListPromptResultsResponse(
            prompt_id=row.task.id, status=prompt_view.status_of(row), results=prompt_view.results(row.task, files)
        )

    async def DownloadPromptResult(
        self, request: pb.DownloadPromptResultRequest, context: Context
    ) -> AsyncIterator[httpbody_pb2.HttpBody]:
        """Send one of them."""
        prompt = await self._require(request.prompt_id)
        row = await self._database.read(
            lambda connection: artifact_download.require(connection, prompt.task.id, request.name)
        )
        async with aclosing(artifact_download.send(self._artifact_files, row, context)) as pieces:
            async for piece in pieces:
                yield piece

    async def _require(self, prompt_id: str) -> PromptRow:
        tenant_id = CALLER.get().tenant_id
        return await self._database.read(
            lambda connection: prompt_store.require(connection, prompt_id, tenant=tenant_id)
        )

    def _shown(self, row: PromptRow) -> Prompt:
        return prompt_view.prompt(row, self._live.moment(row.task.id))


def _opening(request: pb.OpenWorkflowRequest) -> worker_pb.FollowCallsResponse.Open:
    """Return what the worker is asked. Raises InvalidArgument."""
    if bool(request.workflow_path) == bool(request.workflow):
        raise InvalidArgument.field("workflow_path", "must be given, or workflow instead of it")
    if request.workflow:
        return worker_pb.FollowCallsResponse.Open(workflow=request.workflow)
    return worker_pb.FollowCallsResponse.Open(workflow_path=below_workflows(request.workflow_path))


def _opened(path: str | None, opened: worker_pb.AnswerCallRequest.Opened) -> pb.OpenWorkflowResponse:
    details = pb.OpenWorkflowResponse.Details(workflow_path=path, node_count=opened.node_count, format=opened.format)
    return pb.OpenWorkflowResponse(
        success=True, message=f"Workflow opened: {path or 'the one that was sent'}", details=details
    )
