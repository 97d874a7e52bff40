"""`client.workflows`, with a file that is sent."""

from __future__ import annotations

from switchyard.orchestrator.v1 import workflow_service_pb2

from ..content import Content
from ..keys import new_key
from ..resources import enums
from ..resources.aio import workflows
from ..settings import Headers
from ..upload import messages


class Workflows(workflows.Workflows):
    """Workflows, their versions, and the nodes they are made of."""

    async def upload_file(
        self,
        filename: str,
        content: Content,
        *,
        trigger_type: enums.OrchestratorTriggerType | None = None,
        execution_mode: enums.OrchestratorExecutionMode | None = None,
        priority: int | None = None,
        schedule_cron: str | None = None,
        timezone: str | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
        headers: Headers | None = None,
    ) -> workflow_service_pb2.UploadWorkflowResponse:
        """Store a workflow from a file, and set its trigger.

        Args:
            filename: Name of the file, ending in ".json".
            content: Its bytes, pieces of them, its Path, or an open file.
            trigger_type: What makes it run; None is "manual", which runs it once.
            execution_mode: Who may run it; None is "lan".
            priority: Of its jobs, 0 (first) to 20; None is 10.
            schedule_cron: When it runs; the trigger "scheduled" requires it.
            timezone: Of `schedule_cron`; None is UTC.
            request_id: Idempotency key; None makes a new one.
            timeout: Seconds for the whole of it; None is no limit.
            headers: Further metadata of the call.
        """
        first = workflow_service_pb2.UploadWorkflowRequest(
            filename=filename,
            trigger_type=enums.OrchestratorTriggerType_NUMBERS.get(trigger_type, trigger_type),
            execution_mode=enums.OrchestratorExecutionMode_NUMBERS.get(execution_mode, execution_mode),
            priority=priority,
            schedule_cron=schedule_cron,
            timezone=timezone,
            request_id=request_id or new_key(),
        )
        requests = messages(first, content, content_type="application/json")
        return await self.upload(requests, timeout=timeout, headers=headers)
