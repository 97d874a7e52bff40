"""How a job is put into the queue: the kinds of its Task, its subject, its retries."""

from collections.abc import Mapping
from typing import Final

from server.tasks.task import NewTask
from switchyard.orchestrator.v1 import workflow_pb2
from switchyard.orchestrator.v1.job_worker_service_pb2 import RunWorkflow

# Who may run a job is told by the kind of its Task, because claims are by kind.
LAN_KIND: Final = "run_workflow"
INTERNET_KIND: Final = "run_workflow_internet"
KINDS: Final = (LAN_KIND, INTERNET_KIND)
KIND_OF_MODE: Final[Mapping[workflow_pb2.ExecutionMode.ValueType, str]] = {
    workflow_pb2.EXECUTION_MODE_UNSPECIFIED: LAN_KIND,
    workflow_pb2.EXECUTION_MODE_LAN: LAN_KIND,
    workflow_pb2.EXECUTION_MODE_INTERNET: INTERNET_KIND,
}

SUBJECT_PREFIX: Final = "workflows/"

# Three retries behind the first try; the kernel waits 5 s before the first of them and doubles that.
MAX_ATTEMPTS: Final = 4
DEFAULT_PRIORITY: Final = 10
DEFAULT_TIMEOUT_SECONDS: Final = 3600


def subject_of(workflow_id: str) -> str:
    """Return the subject of the jobs of a workflow."""
    return f"{SUBJECT_PREFIX}{workflow_id}"


def mode_of_kind(kind: str) -> workflow_pb2.ExecutionMode.ValueType:
    """Return who may run the jobs of a kind."""
    return workflow_pb2.EXECUTION_MODE_INTERNET if kind == INTERNET_KIND else workflow_pb2.EXECUTION_MODE_LAN


def new_job(
    payload: RunWorkflow,
    *,
    mode: workflow_pb2.ExecutionMode.ValueType,
    tenant: str,
    priority: int = DEFAULT_PRIORITY,
    timeout_seconds: int = DEFAULT_TIMEOUT_SECONDS,
) -> NewTask:
    """Return the Task of a job, for `tasks.store.insert`. `tenant` is "" for one that everybody may see."""
    return NewTask(
        kind=KIND_OF_MODE[mode],
        subject=subject_of(payload.workflow_id),
        tenant=tenant,
        payload=payload,
        priority=priority,
        max_attempts=MAX_ATTEMPTS,
        attempt_timeout_seconds=timeout_seconds,
        title=payload.workflow_name,
    )
