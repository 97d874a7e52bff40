"""Workflows and their versions as the contract shows them. Pure."""

from server.clock import to_timestamp
from server.orchestrator.workflows.workflow_store import VersionRow, VersionSummary, WorkflowRow
from switchyard.orchestrator.v1 import workflow_pb2 as pb


def workflow(row: WorkflowRow, version: VersionRow) -> pb.Workflow:
    """Return the workflow with the file of one of its versions."""
    return pb.Workflow(
        workflow_id=row.workflow_id,
        workflow_name=row.name,
        workflow_json=version.workflow_json,
        version=version.version,
        description=row.description,
        created_at=to_timestamp(row.create_time),
        updated_at=to_timestamp(row.update_time if version.version == row.version else version.create_time),
        trigger_type=row.trigger_type,
        execution_mode=row.execution_mode,
        priority=row.priority,
        metadata=row.metadata or "{}",
        node_count=version.node_count,
    )


def summary(row: WorkflowRow) -> pb.WorkflowSummary:
    """Return the workflow as lists show it."""
    return pb.WorkflowSummary(
        workflow_id=row.workflow_id,
        workflow_name=row.name,
        version=row.version,
        description=row.description,
        created_at=to_timestamp(row.create_time),
        updated_at=to_timestamp(row.update_time),
        trigger_type=row.trigger_type,
        execution_mode=row.execution_mode,
        node_count=row.node_count,
    )


def version(found: VersionSummary) -> pb.WorkflowVersion:
    """Return a version as lists show it."""
    return pb.WorkflowVersion(
        version=found.version,
        created_at=to_timestamp(found.create_time),
        created_by=found.created_by,
        node_count=found.node_count,
        sha256=found.sha256,
    )
