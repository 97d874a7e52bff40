"""A job in the hands of a robot, as the contract shows it."""

from server.clock import to_timestamp
from server.orchestrator.job_runs.beginnings import Beginning
from server.orchestrator.job_runs.versions import Version
from server.tasks.task import TaskRow
from switchyard.orchestrator.v1.job_worker_service_pb2 import RunWorkflow
from switchyard.orchestrator.v1.robot_pb2 import Assignment


def to_assignment(
    row: TaskRow, payload: RunWorkflow, version: Version, beginning: Beginning, *, graph_only: bool
) -> Assignment:
    """Return a job that was just claimed."""
    return Assignment(
        job_id=row.id,
        fencing_token=row.fencing_token,
        workflow_id=payload.workflow_id,
        workflow_name=payload.workflow_name,
        workflow_version=payload.version,
        workflow_json="" if graph_only else version.workflow_json,
        variables=payload.variables or "{}",
        attempt=row.attempt,
        priority=row.priority,
        timeout_seconds=row.attempt_timeout_seconds,
        lease_expires_at=to_timestamp(row.lease_expire_time or 0),
        graph=version.graph,
        secrets=beginning.secrets,
        checkpoint=beginning.checkpoint,
        node_executions=beginning.node_executions,
    )
