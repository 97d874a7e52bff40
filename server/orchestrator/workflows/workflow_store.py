"""Where workflows and their versions are kept: functions over a connection, each part of its caller's transaction.

A deleted workflow is not found any more, but jobs of it that still run find the version they run.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, TypeAlias

import sqlalchemy as sa

from server.database.point_insert import PointInsert
from server.database.point_read import PointRead
from server.database.text import storable
from server.errors import InvalidArgument, NotFound
from server.orchestrator.jobs.new_job import KINDS, subject_of
from server.orchestrator.tables import HAS_WEBHOOK, WORKFLOW_DELETED, WORKFLOW_THERE, WORKFLOW_VERSIONS, WORKFLOWS
from server.orchestrator.workflows.workflow_document import WorkflowDocument
from server.tasks import store as task_store
from server.tasks.tables import TASKS, WAITING
from switchyard.orchestrator.v1 import workflow_pb2 as pb

TriggerType: TypeAlias = pb.TriggerType.ValueType
ExecutionMode: TypeAlias = pb.ExecutionMode.ValueType


@dataclass(frozen=True, slots=True)
class WorkflowRow:
    """One row of the table `workflows`, in the order of its columns. Times are micros.

    `tenant` is empty for one of no tenant, which only those find who find all; `metadata` is JSON text, empty when none
    was sent; `webhook_hash` is the SHA-256 of the secret part of its path, None when it has none.
    """

    number: int
    workflow_id: str
    tenant: str
    name: str
    folded_name: str
    description: str | None
    version: int
    trigger_type: TriggerType
    execution_mode: ExecutionMode
    priority: int
    timeout_seconds: int
    node_count: int
    metadata: str
    webhook_hash: str | None
    create_time: int
    update_time: int
    delete_time: int | None


@dataclass(frozen=True, slots=True)
class VersionSummary:
    """One version without its file. `size_bytes` and `sha256` are those of the file."""

    workflow_number: int
    version: int
    node_count: int
    size_bytes: int
    sha256: str
    created_by: str
    create_time: int


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One row of the table `workflow_versions`, in the order of its columns. `graph` is a serialized `Graph`."""

    workflow_number: int
    version: int
    node_count: int
    size_bytes: int
    sha256: str
    created_by: str
    create_time: int
    workflow_json: str
    graph: bytes


class Stamp(NamedTuple):
    """When a workflow last changed, in micros, and whether it was deleted then."""

    number: int
    workflow_id: str
    update_time: int
    deleted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWorkflow:
    """A workflow to be stored, under an id that was made for it."""

    workflow_id: str
    tenant: str
    name: str
    description: str | None
    trigger_type: TriggerType
    execution_mode: ExecutionMode
    priority: int
    metadata: str
    webhook_hash: str | None
    document: WorkflowDocument
    created_by: str


def insert(connection: sa.Connection, new: NewWorkflow, *, now: int) -> WorkflowRow:
    """Store `new` with its first version and return it."""
    row = WorkflowRow(
        number=0,
        workflow_id=new.workflow_id,
        tenant=new.tenant,
        name=new.name,
        folded_name=new.name.casefold(),
        description=new.description,
        version=1,
        trigger_type=new.trigger_type,
        execution_mode=new.execution_mode,
        priority=new.priority,
        timeout_seconds=new.document.timeout_seconds,
        node_count=len(new.document.graph.nodes),
        metadata=new.metadata,
        webhook_hash=new.webhook_hash,
        create_time=now,
        update_time=now,
        delete_time=None,
    )
    values = {
        **_changing(row),
        "id": row.workflow_id,
        "tenant": row.tenant,
        "trigger_type": row.trigger_type,
        "webhook_hash": row.webhook_hash,
        "create_time": now,
        "delete_time": None,
    }
    number = _INSERT.execute(connection, values)
    stored = replace(row, number=number)
    add_version(connection, stored, new.document, created_by=new.created_by, now=now)
    return stored


def add_version(
    connection: sa.Connection, row: WorkflowRow, document: WorkflowDocument, *, created_by: str, now: int
) -> None:
    """Store `document` as the version that `row` names."""
    values = {
        "workflow_number": row.number,
        "version": row.version,
        "node_count": len(document.graph.nodes),
        "size_bytes": document.size_bytes,
        "sha256": document.sha256,
        "created_by": created_by,
        "create_time": now,
        "workflow_json": document.text,
        "graph": document.graph_bytes,
    }
    _INSERT_VERSION.execute(connection, values)


def change(connection: sa.Connection, row: WorkflowRow) -> None:
    """Store what can change of a workflow."""
    values = {f"new_{name}": value for name, value in _changing(row).items()}
    connection.execute(_UPDATE, {"at_number": row.number, **values})


def find(connection: sa.Connection, workflow_id: str) -> WorkflowRow | None:
    """Return the workflow, also a deleted one; None when there is none."""
    row = _BY_ID.first(connection, workflow_id=storable(workflow_id))
    return None if row is None else WorkflowRow(*row)


def require(connection: sa.Connection, workflow_id: str, *, tenant_id: str | None) -> WorkflowRow:
    """Return the workflow if a caller of `tenant_id` may see it; None sees all.

    Raises:
        NotFound: there is none, it was deleted, or it belongs to somebody else.
    """
    return _there(_BY_ID.first(connection, workflow_id=storable(workflow_id)), workflow_id, tenant_id)


def require_locked(connection: sa.Connection, workflow_id: str, *, tenant_id: str | None) -> WorkflowRow:
    """As `require`, and keep others from changing or deleting the workflow until this transaction ends."""
    row = connection.execute(_BY_ID_LOCKED, {"workflow_id": storable(workflow_id)}).first()
    return _there(row, workflow_id, tenant_id)


def require_named(connection: sa.Connection, name: str, *, tenant: str) -> WorkflowRow:
    """Return the workflow of `tenant` with this id, else the only one with this name.

    Raises:
        NotFound: there is none.
        InvalidArgument: several have the name.
    """
    row = _BY_ID.first(connection, workflow_id=storable(name))
    if row is not None and WorkflowRow(*row).tenant == tenant:
        return _there(row, name, tenant)
    rows = connection.execute(_BY_NAME, {"tenant": tenant, "name": storable(name)}).all()
    if len(rows) > 1:
        raise InvalidArgument.field("workflow", f"must be an id: several workflows are called {name}")
    return _there(rows[0] if rows else None, name, tenant)


def of_webhook(connection: sa.Connection, webhook_hash: str) -> WorkflowRow | None:
    """Return the workflow whose secret path has that hash, None when there is none."""
    row = _BY_WEBHOOK.first(connection, hash=webhook_hash)
    return None if row is None else WorkflowRow(*row)


def set_webhook(connection: sa.Connection, row: WorkflowRow, webhook_hash: str) -> None:
    """Give the workflow another secret path."""
    connection.execute(_SET_WEBHOOK, {"at_number": row.number, "hash": webhook_hash})


def summary(connection: sa.Connection, row: WorkflowRow, version: int) -> VersionSummary:
    """Return a version of the workflow `row` without its file.

    Raises:
        NotFound: it has no such version.
    """
    found = _SUMMARY.first(connection, number=row.number, version=version)
    if found is None:
        raise _no_version(row.workflow_id, version)
    return VersionSummary(*found)


def read_version(connection: sa.Connection, workflow_id: str, version: int) -> VersionRow:
    """Return a version of a workflow, also of a deleted one.

    Raises:
        NotFound: there is none.
    """
    row = _VERSION.first(connection, workflow_id=storable(workflow_id), version=version)
    if row is None:
        raise _no_version(workflow_id, version)
    return VersionRow(*row)


def page(
    connection: sa.Connection, *, tenant_id: str | None, name: str, before: int | None, limit: int
) -> list[WorkflowRow]:
    """Return at most `limit` workflows, newest first.

    `name` is part of the name, in any case; empty fits all. `before` None begins with the newest, else with the one
    created just before the workflow of that number.
    """
    query = _ALL.where(WORKFLOW_THERE).order_by(WORKFLOWS.c.number.desc()).limit(limit)
    if tenant_id is not None:
        query = query.where(WORKFLOWS.c.tenant == tenant_id)
    if name:
        query = query.where(WORKFLOWS.c.folded_name.contains(storable(name).casefold(), autoescape=True))
    if before is not None:
        query = query.where(WORKFLOWS.c.number < before)
    return [WorkflowRow(*row) for row in connection.execute(query)]


def versions(connection: sa.Connection, row: WorkflowRow, *, before: int | None, limit: int) -> list[VersionSummary]:
    """Return at most `limit` versions of a workflow, newest first; `before` None begins with the newest."""
    values = {"number": row.number, "before": row.version + 1 if before is None else before, "limit": limit}
    return [VersionSummary(*found) for found in connection.execute(_SUMMARIES, values)]


def mark_deleted(connection: sa.Connection, row: WorkflowRow, *, now: int) -> None:
    """Let nobody find the workflow any more, nor its secret path."""
    connection.execute(_DELETE, {"at_number": row.number, "now": now})


def stamps(connection: sa.Connection, *, after: int, limit: int) -> list[Stamp]:
    """Return at most `limit` workflows behind number `after`, by number, deleted ones too."""
    rows = connection.execute(_STAMPS, {"after": after, "limit": limit})
    return [Stamp(row.number, row.id, row.update_time, row.delete_time is not None) for row in rows]


def waiting_jobs(connection: sa.Connection, workflow_id: str, *, limit: int) -> list[str]:
    """Return the ids of at most `limit` jobs of a workflow that wait for a robot, locked; a claim gets none of them."""
    values = {"subject": subject_of(workflow_id), "kinds": list(KINDS), "limit": limit}
    return list(connection.execute(_WAITING_JOBS, values).scalars())


def deleted_with_versions(connection: sa.Connection, *, after: int, limit: int) -> list[tuple[int, str]]:
    """Return number and id of at most `limit` deleted workflows behind number `after` that still have versions."""
    rows = connection.execute(_DELETED, {"after": after, "limit": limit})
    return [(row.number, row.id) for row in rows]


def has_live_jobs(connection: sa.Connection, workflow_id: str) -> bool:
    """Whether any job of the workflow is not final."""
    subject = subject_of(workflow_id)
    return any(task_store.active_of_subject(connection, subject, kind) is not None for kind in KINDS)


def remove_versions(connection: sa.Connection, number: int) -> None:
    """Remove every version of the workflow of that number."""
    connection.execute(_REMOVE_VERSIONS, {"number": number})


def _there(row: Sequence[Any] | None, workflow_id: str, tenant_id: str | None) -> WorkflowRow:
    found = None if row is None else WorkflowRow(*row)
    hidden = found is None or found.delete_time is not None or (tenant_id is not None and found.tenant != tenant_id)
    if found is None or hidden:
        raise NotFound(f"Workflow not found: {workflow_id}", workflow_id=workflow_id)
    return found


def _no_version(workflow_id: str, version: int) -> NotFound:
    return NotFound(
        f"Workflow not found: {workflow_id} has no version {version}", workflow_id=workflow_id, version=str(version)
    )


def _changing(row: WorkflowRow) -> dict[str, Any]:
    """Return the columns of `row` that may change after it was stored."""
    return {name: getattr(row, name) for name in _CHANGING}


_CHANGING: Final = (
    "name",
    "folded_name",
    "description",
    "version",
    "execution_mode",
    "priority",
    "timeout_seconds",
    "node_count",
    "metadata",
    "update_time",
)
_INSERT: Final = PointInsert(WORKFLOWS, number=WORKFLOWS.c.number)
_INSERT_VERSION: Final = PointInsert(WORKFLOW_VERSIONS)
_UPDATE: Final = (
    sa.update(WORKFLOWS)
    .where(WORKFLOWS.c.number == sa.bindparam("at_number"))
    .values({name: sa.bindparam(f"new_{name}") for name in _CHANGING})
)
_DELETE: Final = (
    sa.update(WORKFLOWS)
    .where(WORKFLOWS.c.number == sa.bindparam("at_number"))
    .values(delete_time=sa.bindparam("now"), update_time=sa.bindparam("now"), webhook_hash=None)
)
_SET_WEBHOOK: Final = (
    sa.update(WORKFLOWS)
    .where(WORKFLOWS.c.number == sa.bindparam("at_number"))
    .values(webhook_hash=sa.bindparam("hash"))
)
_STAMPS: Final = (
    sa.select(WORKFLOWS.c.number, WORKFLOWS.c.id, WORKFLOWS.c.update_time, WORKFLOWS.c.delete_time)
    .where(WORKFLOWS.c.number > sa.bindparam("after"))
    .order_by(WORKFLOWS.c.number)
    .limit(sa.bindparam("limit"))
)
_ALL: Final = sa.select(*WORKFLOWS.c)
_AT_ID: Final = _ALL.where(WORKFLOWS.c.id == sa.bindparam("workflow_id"))
_BY_ID: Final = PointRead(_AT_ID)
_BY_ID_LOCKED: Final = _AT_ID.with_for_update()
# Two are enough to tell that the name is not the only one.
_BY_NAME: Final = _ALL.where(
    WORKFLOW_THERE, WORKFLOWS.c.tenant == sa.bindparam("tenant"), WORKFLOWS.c.name == sa.bindparam("name")
).limit(2)
_BY_WEBHOOK: Final = PointRead(_ALL.where(HAS_WEBHOOK, WORKFLOWS.c.webhook_hash == sa.bindparam("hash")))
_OF_WORKFLOW: Final = WORKFLOW_VERSIONS.c.workflow_number == sa.bindparam("number")
_SUMMARY_COLUMNS: Final = tuple(
    column for column in WORKFLOW_VERSIONS.c if column.name not in {"workflow_json", "graph"}
)
_SUMMARY: Final = PointRead(
    sa.select(*_SUMMARY_COLUMNS).where(_OF_WORKFLOW, WORKFLOW_VERSIONS.c.version == sa.bindparam("version"))
)
_SUMMARIES: Final = (
    sa.select(*_SUMMARY_COLUMNS)
    .where(_OF_WORKFLOW, WORKFLOW_VERSIONS.c.version < sa.bindparam("before"))
    .order_by(WORKFLOW_VERSIONS.c.version.desc())
    .limit(sa.bindparam("limit"))
)
_VERSION: Final = PointRead(
    sa.select(*WORKFLOW_VERSIONS.c)
    .join(WORKFLOWS, WORKFLOWS.c.number == WORKFLOW_VERSIONS.c.workflow_number)
    .where(WORKFLOWS.c.id == sa.bindparam("workflow_id"), WORKFLOW_VERSIONS.c.version == sa.bindparam("version"))
)
_WAITING_JOBS: Final = (
    sa.select(TASKS.c.id)
    .where(
        TASKS.c.subject == sa.bindparam("subject"),
        TASKS.c.kind.in_(sa.bindparam("kinds", expanding=True)),
        WAITING,
    )
    .limit(sa.bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_DELETED: Final = (
    sa.select(WORKFLOWS.c.number, WORKFLOWS.c.id)
    .where(
        WORKFLOW_DELETED,
        WORKFLOWS.c.number > sa.bindparam("after"),
        sa.exists().where(WORKFLOW_VERSIONS.c.workflow_number == WORKFLOWS.c.number),
    )
    .order_by(WORKFLOWS.c.number)
    .limit(sa.bindparam("limit"))
)
_REMOVE_VERSIONS: Final = sa.delete(WORKFLOW_VERSIONS).where(_OF_WORKFLOW)
