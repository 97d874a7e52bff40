"""A change of a workflow: what it comes to, stored as part of its caller's transaction."""

from dataclasses import dataclass, replace

import sqlalchemy as sa

from server.errors import VersionConflict
from server.orchestrator.workflows import workflow_store
from server.orchestrator.workflows.node_type_store import Catalog
from server.orchestrator.workflows.workflow_document import WorkflowDocument
from server.orchestrator.workflows.workflow_store import ExecutionMode, WorkflowRow
from switchyard.orchestrator.v1 import workflow_pb2 as pb
from switchyard.orchestrator.v1.graph_pb2 import Graph


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """What to change; None leaves it. `description` goes with `metadata`. `version` is the one it was made from."""

    name: str | None
    execution_mode: ExecutionMode | None
    priority: int | None
    metadata: str | None
    description: str | None
    document: WorkflowDocument | None
    version: int | None


def revise(
    connection: sa.Connection, row: WorkflowRow, wanted: Revision, catalog: Catalog, *, created_by: str, now: int
) -> WorkflowRow:
    """Change the workflow `row`, which is locked, and return it as it stands then.

    Raises:
        VersionConflict: the change was made from another version.
        InvalidArgument: it would have nodes that no worker knows.
        Unavailable: no worker has said yet which it knows.
    """
    if wanted.version is not None and wanted.version != row.version:
        raise VersionConflict(row.workflow_id, row.version)
    document = _new_document(connection, row, wanted.document)
    changed = _changed(row, wanted)
    if document is not None:
        changed = replace(
            changed,
            version=row.version + 1,
            timeout_seconds=document.timeout_seconds,
            node_count=len(document.graph.nodes),
        )
    if changed == row:
        return row
    _check(connection, changed, row, document, catalog)
    changed = replace(changed, update_time=max(now, row.update_time + 1))
    workflow_store.change(connection, changed)
    if document is not None:
        workflow_store.add_version(connection, changed, document, created_by=created_by, now=now)
    return changed


def _new_document(
    connection: sa.Connection, row: WorkflowRow, document: WorkflowDocument | None
) -> WorkflowDocument | None:
    """Return `document` unless it is the newest version already."""
    if document is None or workflow_store.summary(connection, row, row.version).sha256 == document.sha256:
        return None
    return document


def _changed(row: WorkflowRow, wanted: Revision) -> WorkflowRow:
    name = row.name if wanted.name is None else wanted.name
    return replace(
        row,
        name=name,
        folded_name=name.casefold(),
        execution_mode=wanted.execution_mode or row.execution_mode,
        priority=row.priority if wanted.priority is None else wanted.priority,
        metadata=row.metadata if wanted.metadata is None else wanted.metadata,
        description=row.description if wanted.metadata is None else wanted.description,
    )


def _check(
    connection: sa.Connection,
    changed: WorkflowRow,
    row: WorkflowRow,
    document: WorkflowDocument | None,
    catalog: Catalog,
) -> None:
    """Refuse a graph that workers of this installation could not run, where it or the mode is new."""
    new_mode = changed.execution_mode != row.execution_mode
    if changed.execution_mode != pb.EXECUTION_MODE_LAN or not (document or new_mode):
        return
    if document is not None:
        catalog.check(document.graph)
    else:
        catalog.check(Graph.FromString(workflow_store.read_version(connection, row.workflow_id, row.version).graph))
