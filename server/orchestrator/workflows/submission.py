"""A workflow that was sent: stored with what its trigger asks for, in one unit of work."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import sqlalchemy as sa

from server.clock import to_timestamp
from server.errors import InvalidArgument
from server.orchestrator.jobs.new_job import new_job
from server.orchestrator.schedules import cron, schedule_store
from server.orchestrator.schedules.schedule_row import NewSchedule
from server.orchestrator.workflows import workflow_store
from server.orchestrator.workflows.webhook import new_secret_path
from server.orchestrator.workflows.workflow_document import WorkflowDocument
from server.orchestrator.workflows.workflow_store import ExecutionMode, NewWorkflow, TriggerType, WorkflowRow
from server.tasks import store
from server.tasks.task import TaskRow
from switchyard.orchestrator.v1 import workflow_pb2 as pb
from switchyard.orchestrator.v1.job_worker_service_pb2 import RunWorkflow
from switchyard.orchestrator.v1.workflow_service_pb2 import SubmitWorkflowResponse, WebhookAddress

MODE_WORDS: Final[Mapping[ExecutionMode, str]] = {
    pb.EXECUTION_MODE_LAN: "lan",
    pb.EXECUTION_MODE_INTERNET: "internet",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A workflow to be stored and set going.

    `cron` and `timezone` matter to the trigger "scheduled" only. `variables` are those of the job or of the jobs of the
    schedule, `metadata` is what was sent; both are JSON text, empty for none.
    """

    tenant: str
    created_by: str
    name: str
    description: str | None
    trigger_type: TriggerType
    execution_mode: ExecutionMode
    cron: str
    timezone: str
    priority: int
    metadata: str
    variables: str
    document: WorkflowDocument


class Submitted(NamedTuple):
    """The answer, and the Tasks that were queued."""

    response: SubmitWorkflowResponse
    created: Sequence[TaskRow]


def submit(connection: sa.Connection, submission: Submission, *, now: int) -> Submitted:
    """Store the workflow and do what its trigger says.

    Raises:
        InvalidArgument: its schedule cannot be understood.
    """
    response = SubmitWorkflowResponse(status="success", created_at=to_timestamp(now))
    secret = new_secret_path() if submission.trigger_type == pb.TRIGGER_TYPE_WEBHOOK else None
    row = workflow_store.insert(connection, _new_workflow(submission, secret and secret.hash), now=now)
    response.workflow_id = row.workflow_id
    if secret is not None:
        response.metadata.CopyFrom(WebhookAddress(webhook_path=secret.path))
        response.message = "Workflow submitted for webhook trigger"
        return Submitted(response, ())
    if submission.trigger_type == pb.TRIGGER_TYPE_SCHEDULED:
        response.schedule_id = _schedule(connection, row, submission, now=now)
        response.message = f"Workflow submitted and scheduled (cron: {submission.cron})"
        return Submitted(response, ())
    job = queue_job(
        connection, row, trigger=pb.TRIGGER_TYPE_MANUAL, variables=submission.variables, priority=None, now=now
    )
    response.job_id = job.id
    response.message = f"Workflow submitted and queued for {MODE_WORDS[row.execution_mode]} execution"
    return Submitted(response, (job,))


def queue_job(
    connection: sa.Connection,
    row: WorkflowRow,
    *,
    trigger: TriggerType,
    variables: str,
    priority: int | None,
    now: int,
) -> TaskRow:
    """Queue a job of the newest version of a workflow; `priority` None is that of the workflow."""
    payload = RunWorkflow(
        workflow_id=row.workflow_id,
        workflow_name=row.name,
        version=row.version,
        variables=variables,
        trigger_type=trigger,
    )
    new = new_job(
        payload,
        mode=row.execution_mode,
        tenant=row.tenant,
        priority=row.priority if priority is None else priority,
        timeout_seconds=row.timeout_seconds,
    )
    return store.insert(connection, new, now=now)


def _new_workflow(submission: Submission, webhook_hash: str | None) -> NewWorkflow:
    return NewWorkflow(
        workflow_id=str(uuid.uuid4()),
        tenant=submission.tenant,
        name=submission.name,
        description=submission.description,
        trigger_type=submission.trigger_type,
        execution_mode=submission.execution_mode,
        priority=submission.priority,
        metadata=submission.metadata,
        webhook_hash=webhook_hash,
        document=submission.document,
        created_by=submission.created_by,
    )


def _schedule(connection: sa.Connection, row: WorkflowRow, submission: Submission, *, now: int) -> str:
    """Create the schedule of a workflow and return its id. Raises InvalidArgument."""
    if not submission.cron:
        raise InvalidArgument.field("schedule_cron", "must be given for the trigger_type scheduled")
    try:
        cron.parse(submission.cron)
    except InvalidArgument as refusal:
        raise refusal.about("schedule_cron") from refusal
    new = NewSchedule(
        workflow_id=row.workflow_id,
        tenant=row.tenant,
        name=row.name,
        cron=submission.cron,
        zone=submission.timezone or "UTC",
        priority=row.priority,
        mode=row.execution_mode,
        variables=submission.variables,
    )
    return schedule_store.insert(connection, new, now=now).id
