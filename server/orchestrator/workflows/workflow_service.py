"""WorkflowService: workflows, their versions and what sets them off, as the wire says them."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any, Final

import grpc
import orjson
import sqlalchemy as sa
from google.protobuf.message import Message

from server.clock import Clock
from server.database.after_commit import after_commit
from server.database.database import Database
from server.database.text import storable
from server.errors import InvalidArgument, NotFound, TooLarge
from server.json_text import JsonInvalid, read_object
from server.orchestrator.schedules import schedule_store
from server.orchestrator.workflows import (
    revision,
    sealed_answer,
    submission,
    upload,
    webhook,
    workflow_diff,
    workflow_store,
    workflow_view,
)
from server.orchestrator.workflows.housekeeping import WorkflowHousekeeping
from server.orchestrator.workflows.node_type_store import NodeTypeStore
from server.orchestrator.workflows.revision import Revision
from server.orchestrator.workflows.submission import Submission
from server.orchestrator.workflows.upload import Upload
from server.orchestrator.workflows.workflow_document import SMALL_BYTES, DocumentReader, WorkflowDocument
from server.orchestrator.workflows.workflow_store import VersionRow, WorkflowRow
from server.paging import number_before, page_limit, token_behind
from server.rpc import idempotency
from server.rpc.caller import CALLER
from server.rpc.idempotency import IdempotencyKey
from server.secret_box import SecretBox
from server.tasks.kernel import Kernel
from server.tasks.task import TaskRow
from switchyard.orchestrator.v1 import workflow_pb2
from switchyard.orchestrator.v1 import workflow_service_pb2 as pb
from switchyard.orchestrator.v1 import workflow_service_pb2_grpc as pb_grpc
from switchyard.orchestrator.v1.graph_pb2 import Graph
from switchyard.orchestrator.v1.job_pb2 import Job

Context = grpc.aio.ServicerContext[Any, Any]

# Source: the comment of `WorkflowService.SubmitWorkflow`, and of `TriggerWebhook`.
MAX_JSON_BYTES: Final = 10 * 1024 * 1024
MAX_PAYLOAD_BYTES: Final = 1024 * 1024
DEFAULT_PRIORITY: Final = 10


class WorkflowService(pb_grpc.WorkflowServiceServicer):
    """Serves workflows to those who make them and those who run them.

    `copy` is told the id of each workflow that was stored, changed or deleted.
    """

    def __init__(
        self,
        database: Database,
        kernel: Kernel,
        node_types: NodeTypeStore,
        housekeeping: WorkflowHousekeeping,
        secret_box: SecretBox,
        clock: Clock,
        copy: Callable[[str], None],
    ) -> None:
        self._database = database
        self._kernel = kernel
        self._node_types = node_types
        self._housekeeping = housekeeping
        self._secret_box = secret_box
        self._clock = clock
        self._copy = copy
        self._reader = DocumentReader()

    async def SubmitWorkflow(self, request: pb.SubmitWorkflowRequest, _context: Context) -> pb.SubmitWorkflowResponse:
        """Store a workflow and do what its trigger says."""
        metadata = _object("metadata", request.metadata)
        sent = Submission(
            tenant=CALLER.get().tenant_id or "",
            created_by=CALLER.get().name,
            name=storable(request.workflow_name),
            description=_description(metadata),
            trigger_type=request.trigger_type or workflow_pb2.TRIGGER_TYPE_MANUAL,
            execution_mode=request.execution_mode or workflow_pb2.EXECUTION_MODE_LAN,
            cron=storable(request.schedule_cron),
            timezone=storable(request.timezone),
            priority=request.priority if request.HasField("priority") else DEFAULT_PRIORITY,
            metadata=metadata,
            variables=_object("variables", request.variables),
            document=await self._document(request.workflow_json),
        )
        return await self._submit(sent, IdempotencyKey.of_call(request.request_id, "SubmitWorkflow"), request)

    async def UploadWorkflow(
        self, request_iterator: AsyncIterator[pb.UploadWorkflowRequest], _context: Context
    ) -> pb.UploadWorkflowResponse:
        """Store a workflow that comes as a file."""
        async with upload.received(request_iterator) as received:
            try:
                document = await self._reader.read_file(received.file)
            except JsonInvalid as error:
                raise InvalidArgument(f"Invalid JSON: {error.reason}") from error
            told = received.told
            sent = _uploaded(received, document)
        # Compared with a repeated call in place of the bytes.
        told.file.data = document.sha256.encode()
        response = await self._submit(sent, IdempotencyKey.of_call(told.request_id, "UploadWorkflow"), told)
        return pb.UploadWorkflowResponse.FromString(response.SerializeToString())

    async def GetWorkflow(self, request: pb.GetWorkflowRequest, _context: Context) -> pb.GetWorkflowResponse:
        """Read a workflow."""
        tenant_id = CALLER.get().tenant_id

        def query(connection: sa.Connection) -> tuple[WorkflowRow, VersionRow | None]:
            row = workflow_store.require(connection, request.workflow_id, tenant_id=tenant_id)
            version = request.version or row.version
            if workflow_store.summary(connection, row, version).size_bytes > SMALL_BYTES:
                return row, None
            return row, workflow_store.read_version(connection, row.workflow_id, version)

        row, version = await self._database.read(query)
        if version is None:
            version = await self._version(row, request.version or row.version)
        return pb.GetWorkflowResponse(workflow=workflow_view.workflow(row, version))

    async def ListWorkflows(self, request: pb.ListWorkflowsRequest, _context: Context) -> pb.ListWorkflowsResponse:
        """List a page of workflows."""
        tenant_id = CALLER.get().tenant_id
        before, limit = number_before(request.page_token), page_limit(request.page_size)
        # One row more than asked for tells whether there are more.
        rows = await self._database.scan(
            lambda connection: workflow_store.page(
                connection, tenant_id=tenant_id, name=request.name, before=before, limit=limit + 1
            )
        )
        return pb.ListWorkflowsResponse(
            workflows=[workflow_view.summary(row) for row in rows[:limit]],
            next_page_token=token_behind(rows[limit - 1].number) if len(rows) > limit else "",
        )

    async def UpdateWorkflow(self, request: pb.UpdateWorkflowRequest, _context: Context) -> pb.UpdateWorkflowResponse:
        """Change a workflow."""
        tenant_id, created_by = CALLER.get().tenant_id, CALLER.get().name
        metadata = _object("metadata", request.metadata) if request.HasField("metadata") else None
        wanted = Revision(
            name=storable(request.workflow_name) if request.HasField("workflow_name") else None,
            execution_mode=request.execution_mode or None,
            priority=request.priority if request.HasField("priority") else None,
            metadata=metadata,
            description=None if metadata is None else _description(metadata),
            document=await self._document(request.workflow_json) if request.HasField("workflow_json") else None,
            version=request.version if request.HasField("version") else None,
        )

        def work(connection: sa.Connection) -> WorkflowRow:
            row = workflow_store.require_locked(connection, request.workflow_id, tenant_id=tenant_id)
            catalog = self._node_types.catalog(connection)
            changed = revision.revise(connection, row, wanted, catalog, created_by=created_by, now=self._clock())
            after_commit(connection, lambda: self._copy(row.workflow_id))
            return changed

        row = await self._database.write(work)
        return pb.UpdateWorkflowResponse(workflow=workflow_view.workflow(row, await self._version(row, row.version)))

    async def DeleteWorkflow(self, request: pb.DeleteWorkflowRequest, _context: Context) -> pb.DeleteWorkflowResponse:
        """Delete a workflow, its schedules and its secret path, and cancel its jobs that wait."""
        tenant_id = CALLER.get().tenant_id

        def work(connection: sa.Connection) -> tuple[WorkflowRow, bool]:
            row = workflow_store.require_locked(connection, request.workflow_id, tenant_id=tenant_id)
            workflow_store.mark_deleted(connection, row, now=self._clock())
            schedule_store.delete_of_workflow(connection, row.workflow_id)
            after_commit(connection, lambda: self._copy(row.workflow_id))
            return row, self._housekeeping.cancel_some(connection, row.workflow_id)

        row, more = await self._database.write(work)
        if more:
            await self._housekeeping.cancel_waiting(row.workflow_id)
        return pb.DeleteWorkflowResponse(status="success", message=f"Workflow deleted: {row.workflow_id}")

    async def ListWorkflowVersions(
        self, request: pb.ListWorkflowVersionsRequest, _context: Context
    ) -> pb.ListWorkflowVersionsResponse:
        """List a page of the versions of a workflow."""
        tenant_id = CALLER.get().tenant_id
        before, limit = number_before(request.page_token), page_limit(request.page_size)

        def query(connection: sa.Connection) -> list[workflow_store.VersionSummary]:
            row = workflow_store.require(connection, request.workflow_id, tenant_id=tenant_id)
            return workflow_store.versions(connection, row, before=before, limit=limit + 1)

        rows = await self._database.scan(query)
        return pb.ListWorkflowVersionsResponse(
            versions=[workflow_view.version(row) for row in rows[:limit]],
            next_page_token=token_behind(rows[limit - 1].version) if len(rows) > limit else "",
        )

    async def DiffWorkflow(self, request: pb.DiffWorkflowRequest, _context: Context) -> pb.DiffWorkflowResponse:
        """Tell what differs between two versions; the one before the first is empty."""
        tenant_id = CALLER.get().tenant_id

        def query(connection: sa.Connection) -> pb.DiffWorkflowResponse:
            row = workflow_store.require(connection, request.workflow_id, tenant_id=tenant_id)
            to = request.to or row.version
            since: int = getattr(request, "from") or to - 1  # a word of Python too
            new = Graph.FromString(workflow_store.read_version(connection, row.workflow_id, to).graph)
            old = Graph()
            if since:
                old.ParseFromString(workflow_store.read_version(connection, row.workflow_id, since).graph)
            response = workflow_diff.difference(old, new)
            response.to = to
            setattr(response, "from", since)
            return response

        return await self._database.scan(query)

    async def RunWorkflow(self, request: pb.RunWorkflowRequest, _context: Context) -> pb.RunWorkflowResponse:
        """Queue a job of a stored workflow."""
        tenant_id = CALLER.get().tenant_id
        variables = _object("variables", request.variables)
        priority = request.priority if request.HasField("priority") else None
        key = IdempotencyKey.of_call(request.request_id, "RunWorkflow")

        def work(connection: sa.Connection) -> pb.RunWorkflowResponse:
            now = self._clock()
            earlier = idempotency.remember(connection, key, request, now=now)
            if earlier is not None:
                return pb.RunWorkflowResponse.FromString(earlier)
            row = workflow_store.require(connection, request.workflow_id, tenant_id=tenant_id)
            manual = workflow_pb2.TRIGGER_TYPE_MANUAL
            job = submission.queue_job(connection, row, trigger=manual, variables=variables, priority=priority, now=now)
            self._announce(connection, job)
            response = pb.RunWorkflowResponse(job_id=job.id, status=Job.STATUS_PENDING)
            idempotency.store_answer(connection, key, response)
            return response

        return await self._database.write(work)

    async def TriggerWebhook(self, request: pb.TriggerWebhookRequest, _context: Context) -> pb.TriggerWebhookResponse:
        """Queue a job by the secret path of a workflow."""
        webhook_hash = webhook.hash_of(request.webhook_key)
        # Looked up first without a transaction: anybody may try.
        found = await self._database.read(lambda connection: _of_webhook(connection, webhook_hash))
        # Whoever knows the path acts for the workflow; the audit log says so.
        CALLER.set(replace(CALLER.get(), name=f"webhook of {found.workflow_id}"))
        if len(request.payload.data) > MAX_PAYLOAD_BYTES:
            raise TooLarge("payload must be at most 1 MiB")
        variables = webhook.variables_of(request.payload)

        def work(connection: sa.Connection) -> pb.TriggerWebhookResponse:
            row = _of_webhook(connection, webhook_hash)
            key = IdempotencyKey(storable(request.request_id), "TriggerWebhook", f"workflows/{row.workflow_id}")
            now = self._clock()
            earlier = idempotency.remember(connection, key, request.payload, now=now)
            if earlier is not None:
                return pb.TriggerWebhookResponse.FromString(earlier)
            hook = workflow_pb2.TRIGGER_TYPE_WEBHOOK
            job = submission.queue_job(connection, row, trigger=hook, variables=variables, priority=None, now=now)
            self._announce(connection, job)
            response = pb.TriggerWebhookResponse(job_id=job.id, status=Job.STATUS_PENDING)
            idempotency.store_answer(connection, key, response)
            return response

        return await self._database.write(work)

    async def RotateWebhook(self, request: pb.RotateWebhookRequest, _context: Context) -> pb.RotateWebhookResponse:
        """Give a workflow another secret path."""
        tenant_id = CALLER.get().tenant_id
        secret = webhook.new_secret_path()

        def work(connection: sa.Connection) -> None:
            row = workflow_store.require_locked(connection, request.workflow_id, tenant_id=tenant_id)
            if row.trigger_type != workflow_pb2.TRIGGER_TYPE_WEBHOOK:
                raise InvalidArgument.field("workflow_id", "must be that of a workflow with the trigger_type webhook")
            workflow_store.set_webhook(connection, row, secret.hash)

        await self._database.write(work)
        return pb.RotateWebhookResponse(webhook_path=secret.path)

    async def _submit(self, sent: Submission, key: IdempotencyKey, request: Message) -> pb.SubmitWorkflowResponse:
        def work(connection: sa.Connection) -> pb.SubmitWorkflowResponse:
            now = self._clock()
            earlier = idempotency.remember(connection, key, request, now=now)
            if earlier is not None:
                return sealed_answer.opened(earlier, self._secret_box)
            if sent.execution_mode == workflow_pb2.EXECUTION_MODE_LAN:
                self._node_types.catalog(connection).check(sent.document.graph)
            response, created = submission.submit(connection, sent, now=now)
            self._announce(connection, *created)
            after_commit(connection, lambda: self._copy(response.workflow_id))
            idempotency.store_answer(connection, key, sealed_answer.sealed(response, self._secret_box))
            return response

        return await self._database.write(work)

    async def _document(self, workflow_json: str) -> WorkflowDocument:
        """Return the workflow that was sent. Raises InvalidArgument and TooLarge."""
        data = workflow_json.encode()
        if len(data) > MAX_JSON_BYTES:
            raise TooLarge("workflow_json must be at most 10 MiB")
        try:
            return await self._reader.read(data)
        except JsonInvalid as error:
            raise InvalidArgument.field("workflow_json", str(error)) from error

    async def _version(self, row: WorkflowRow, version: int) -> VersionRow:
        return await self._database.scan(
            lambda connection: workflow_store.read_version(connection, row.workflow_id, version)
        )

    def _announce(self, connection: sa.Connection, *created: TaskRow) -> None:
        if created:
            after_commit(connection, lambda: self._kernel.announce(created))


def _uploaded(received: Upload, document: WorkflowDocument) -> Submission:
    """Return what a file asks for. It says of itself what a request to submit says beside it."""
    told = received.told
    name = document.name or received.stem
    if not 1 <= len(name) <= MAX_NAME_CHARACTERS:
        raise InvalidArgument.field("workflow_name", f"must be 1 to {MAX_NAME_CHARACTERS} characters long")
    return Submission(
        tenant=CALLER.get().tenant_id or "",
        created_by=CALLER.get().name,
        name=storable(name),
        description=storable(document.description) or None,
        trigger_type=told.trigger_type or workflow_pb2.TRIGGER_TYPE_MANUAL,
        execution_mode=told.execution_mode or workflow_pb2.EXECUTION_MODE_LAN,
        cron=storable(told.schedule_cron),
        timezone=storable(told.timezone),
        priority=told.priority if told.HasField("priority") else DEFAULT_PRIORITY,
        metadata="",
        variables="",
        document=document,
    )


# Source: the comment of `SubmitWorkflowRequest.workflow_name`.
MAX_NAME_CHARACTERS: Final = 255


def _object(field: str, text: str) -> str:
    """Return a JSON object as it is stored, empty for none. Raises InvalidArgument."""
    if not text:
        return ""
    try:
        return read_object(text.encode()).text.decode()
    except JsonInvalid as error:
        raise InvalidArgument.field(field, str(error)) from error


def _description(metadata: str) -> str | None:
    description = orjson.loads(metadata).get("description") if metadata else None
    return storable(description) if isinstance(description, str) else None


def _of_webhook(connection: sa.Connection, webhook_hash: str) -> WorkflowRow:
    row = workflow_store.of_webhook(connection, webhook_hash)
    if row is None:
        raise NotFound("Webhook not found")
    return row
