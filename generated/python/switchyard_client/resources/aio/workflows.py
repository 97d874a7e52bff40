"""`client.workflows`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from google.api import httpbody_pb2
from switchyard.orchestrator.v1 import node_type_service_pb2
from switchyard.orchestrator.v1 import workflow_pb2
from switchyard.orchestrator.v1 import workflow_service_pb2

from ... import content
from ...aio.connection import Connection
from ...aio.download import Download
from ...aio.pages import Pages
from ...aio.stream import Stream
from ...keys import new_key
from .. import enums
from ..methods import workflows as methods


class Workflows:
    """Workflows, their versions, and the nodes they are made of."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._submit = connection.unary(methods.SUBMIT)
        self._get = connection.unary(methods.GET)
        self._update = connection.unary(methods.UPDATE)
        self._delete = connection.unary(methods.DELETE)
        self._diff = connection.unary(methods.DIFF)
        self._run = connection.unary(methods.RUN)
        self._trigger_webhook = connection.unary(methods.TRIGGER_WEBHOOK)
        self._rotate_webhook = connection.unary(methods.ROTATE_WEBHOOK)
        self._list_node_types = connection.unary(methods.LIST_NODE_TYPES)
        self._publish_node_types = connection.unary(methods.PUBLISH_NODE_TYPES)

    async def submit(
        self,
        *,
        workflow_name: str,
        workflow_json: Mapping[str, Any] | str,
        trigger_type: enums.OrchestratorTriggerType | None = None,
        execution_mode: enums.OrchestratorExecutionMode | None = None,
        schedule_cron: str | None = None,
        timezone: str | None = None,
        priority: int | None = None,
        metadata: Mapping[str, Any] | str | None = None,
        variables: Mapping[str, Any] | str | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> workflow_service_pb2.SubmitWorkflowResponse:
        """Stores a workflow and does what its trigger says: `manual` queues a job, `scheduled` creates a schedule, `webhook` opens

        a secret path.
        Errors: INVALID_ARGUMENT for a graph that cannot run: no nodes, more than 1,000 of them, dangling connections, in mode
        `lan` unknown node types; UNAVAILABLE in mode `lan` before any worker has said which types it knows; RESOURCE_EXHAUSTED
        with ERROR_REASON_TOO_LARGE above 10 MiB; ABORTED with ERROR_REASON_IDEMPOTENCY_CONFLICT.

        Args:
            workflow_name: 1 to 255 characters.
            workflow_json: The graph, with `nodes`; a JSON object.
            trigger_type: What makes it run.
            execution_mode: Who may run it.
            schedule_cron: Required by the trigger `scheduled`: five fields, names and macros such as @daily.
            timezone: Time zone of `schedule_cron` by its IANA name. Unset means UTC.
            priority: Priority of its jobs, 0 (first) to 20. Unset means 10.
            metadata: Further facts, kept as sent, at most 1 Mi characters; `description` is shown as such.
            variables: Variables of the job, or of the jobs of the schedule, over those of the file; at most 1 Mi
                characters.
            request_id: Idempotency key, at most 255 characters. None makes a new one, with which the call is
                retried.
        """
        request = methods.SUBMIT.request(
            workflow_name=workflow_name,
            workflow_json=content.json_text(workflow_json),
            trigger_type=enums.OrchestratorTriggerType_NUMBERS.get(trigger_type, trigger_type),
            execution_mode=enums.OrchestratorExecutionMode_NUMBERS.get(execution_mode, execution_mode),
            schedule_cron=schedule_cron,
            timezone=timezone,
            priority=priority,
            metadata=content.json_text(metadata),
            variables=content.json_text(variables),
            request_id=request_id or new_key(),
        )
        return await self._submit(request, timeout, headers)

    async def upload(
        self,
        requests: Iterable[workflow_service_pb2.UploadWorkflowRequest] | AsyncIterable[workflow_service_pb2.UploadWorkflowRequest],
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> workflow_service_pb2.UploadWorkflowResponse:
        """Submits a workflow as a file of at most 50 MiB. Its name is that in the file, else the file name without ".json".

        Each message carries the next bytes. The first one has the name of the file; everything else may come in any message,
        as a form may have it before the file or behind it. The last one says that it is.
        Errors: as SubmitWorkflow; INVALID_ARGUMENT "File must be a .json file"; RESOURCE_EXHAUSTED "File too large. Maximum
        size: 50MB".

        Args:
            requests: The messages, in order.
        """
        return await self._connection.send(methods.UPLOAD, requests, timeout, headers)

    async def get(
        self,
        workflow_id: str,
        *,
        version: int | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> workflow_pb2.Workflow:
        """Reads a workflow, its newest version or another.

        Errors: NOT_FOUND.

        Args:
            workflow_id: Id of the workflow.
            version: Which version. Zero means the newest.
        """
        request = methods.GET.request(
            workflow_id=workflow_id,
            version=version,
        )
        return (await self._get(request, timeout, headers)).workflow

    def list(
        self,
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        name: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Pages[workflow_service_pb2.ListWorkflowsResponse, workflow_pb2.WorkflowSummary]:
        """Lists workflows, the newest first.

        Errors: INVALID_ARGUMENT.

        Args:
            page_size: At most this many. Zero means 100; more than 1,000 is lowered to it.
            page_token: `next_page_token` of the page before.
            name: Only those whose name contains this text, whatever its case.
        """
        request = methods.LIST.method.request(
            page_size=page_size,
            page_token=page_token,
            name=name,
        )
        return Pages(self._connection, methods.LIST, request, timeout, headers)

    async def update(
        self,
        workflow_id: str,
        *,
        workflow_name: str | None = None,
        workflow_json: Mapping[str, Any] | str | None = None,
        execution_mode: enums.OrchestratorExecutionMode | None = None,
        priority: int | None = None,
        metadata: Mapping[str, Any] | str | None = None,
        version: int | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> workflow_pb2.Workflow:
        """Changes a workflow. A new file makes a new version; jobs that wait keep theirs.

        Errors: NOT_FOUND; INVALID_ARGUMENT as SubmitWorkflow; ABORTED with ERROR_REASON_VERSION_CONFLICT when `version` is
        given and is not the newest.

        Args:
            workflow_id: Id of the workflow.
            workflow_name: New name.
            workflow_json: New graph; makes a new version unless it is equal to the newest.
            execution_mode: New execution mode. Unspecified leaves it.
            priority: New priority of its jobs.
            metadata: New metadata, in place of the old, at most 1 Mi characters.
            version: Version the change was made from; unset means whichever is the newest.
        """
        request = methods.UPDATE.request(
            workflow_id=workflow_id,
            workflow_name=workflow_name,
            workflow_json=content.json_text(workflow_json),
            execution_mode=enums.OrchestratorExecutionMode_NUMBERS.get(execution_mode, execution_mode),
            priority=priority,
            metadata=content.json_text(metadata),
            version=version,
        )
        return (await self._update(request, timeout, headers)).workflow

    async def delete(
        self,
        workflow_id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> workflow_service_pb2.DeleteWorkflowResponse:
        """Deletes a workflow, its schedules and its secret path. Jobs that wait are cancelled, running ones go on; what was run

        stays readable.
        Errors: NOT_FOUND.

        Args:
            workflow_id: Id of the workflow.
        """
        request = methods.DELETE.request(
            workflow_id=workflow_id,
        )
        return await self._delete(request, timeout, headers)

    def list_versions(
        self,
        workflow_id: str,
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Pages[workflow_service_pb2.ListWorkflowVersionsResponse, workflow_pb2.WorkflowVersion]:
        """Lists the versions of a workflow, the newest first.

        Errors: NOT_FOUND.

        Args:
            workflow_id: Id of the workflow.
            page_size: At most this many. Zero means 100; more than 1,000 is lowered to it.
            page_token: `next_page_token` of the page before.
        """
        request = methods.LIST_VERSIONS.method.request(
            workflow_id=workflow_id,
            page_size=page_size,
            page_token=page_token,
        )
        return Pages(self._connection, methods.LIST_VERSIONS, request, timeout, headers)

    async def diff(
        self,
        workflow_id: str,
        *,
        from_: int | None = None,
        to: int | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> workflow_service_pb2.DiffWorkflowResponse:
        """Tells what differs between two versions, by what they mean and not by how they are written.

        Errors: NOT_FOUND.

        Args:
            workflow_id: Id of the workflow.
            from_: The earlier version. Zero means the one before `to`; before the first one there is nothing.
            to: The later version. Zero means the newest.
        """
        request = methods.DIFF.request(
            workflow_id=workflow_id,
            to=to,
            **{"from": from_},
        )
        return await self._diff(request, timeout, headers)

    async def run(
        self,
        workflow_id: str,
        *,
        variables: Mapping[str, Any] | str | None = None,
        priority: int | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> workflow_service_pb2.RunWorkflowResponse:
        """Queues a job of a stored workflow.

        Errors: NOT_FOUND; INVALID_ARGUMENT; ABORTED with ERROR_REASON_IDEMPOTENCY_CONFLICT.

        Args:
            workflow_id: Id of the workflow.
            variables: Variables of the job, over those of the file; at most 1 Mi characters.
            priority: Priority of the job, 0 (first) to 20. Unset means that of the workflow.
            request_id: Idempotency key, at most 255 characters. None makes a new one, with which the call is
                retried.
        """
        request = methods.RUN.request(
            workflow_id=workflow_id,
            variables=content.json_text(variables),
            priority=priority,
            request_id=request_id or new_key(),
        )
        return await self._run(request, timeout, headers)

    async def trigger_webhook(
        self,
        webhook_key: str,
        *,
        payload: bytes | str | Path | httpbody_pb2.HttpBody | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> workflow_service_pb2.TriggerWebhookResponse:
        """Queues a job by the secret path of a workflow. What is posted becomes its variable `payload`: JSON as a value, anything

        else, and whatever calls itself text/*, as text.
        Errors: NOT_FOUND for a path that is not known; RESOURCE_EXHAUSTED with ERROR_REASON_TOO_LARGE above 1 MiB.

        Args:
            webhook_key: The secret part of the path.
            payload: What was posted.
            request_id: Idempotency key, at most 255 characters. None makes a new one, with which the call is
                retried.
        """
        request = methods.TRIGGER_WEBHOOK.request(
            webhook_key=webhook_key,
            payload=content.body(payload) if payload is not None else None,
            request_id=request_id or new_key(),
        )
        return await self._trigger_webhook(request, timeout, headers)

    async def rotate_webhook(
        self,
        workflow_id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> workflow_service_pb2.RotateWebhookResponse:
        """Gives a workflow a new secret path. The old one is gone at once.

        Errors: NOT_FOUND; INVALID_ARGUMENT when its trigger is not `webhook`.

        Args:
            workflow_id: Id of the workflow.
        """
        request = methods.ROTATE_WEBHOOK.request(
            workflow_id=workflow_id,
        )
        return await self._rotate_webhook(request, timeout, headers)

    async def list_node_types(
        self,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Sequence[node_type_service_pb2.NodeType]:
        """Lists the types by name."""
        request = methods.LIST_NODE_TYPES.request(
        )
        return (await self._list_node_types(request, timeout, headers)).node_types

    async def publish_node_types(
        self,
        *,
        node_types: Sequence[Mapping[str, Any] | node_type_service_pb2.NodeType] | None = None,
        refused: Mapping[str, str] | None = None,
        version: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> node_type_service_pb2.PublishNodeTypesResponse:
        """Tells which types a worker knows, at its start. They replace what a worker of the same version told before. gRPC only.

        Args:
            node_types: All of its types.
            refused: Names of types it refuses on purpose, and why, for the 400 at submit.
            version: Version of its program.
        """
        request = methods.PUBLISH_NODE_TYPES.request(
            node_types=node_types,
            refused=refused,
            version=version,
        )
        return await self._publish_node_types(request, timeout, headers)
