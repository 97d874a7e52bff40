"""Puts the parts of this room together: the servicers, and what runs beside them."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import grpc

from server.clock import Clock
from server.database.database import Database
from server.orchestrator.job_runs.beginnings import Beginnings
from server.orchestrator.job_runs.versions import Versions
from server.orchestrator.workflows.housekeeping import WorkflowHousekeeping
from server.orchestrator.workflows.job_worker_service import JobWorkerService
from server.orchestrator.workflows.node_type_service import NodeTypeService
from server.orchestrator.workflows.node_type_store import NodeTypeStore
from server.orchestrator.workflows.workflow_copies import WorkflowCopies
from server.orchestrator.workflows.workflow_service import WorkflowService
from server.secret_box import SecretBox
from server.tasks.kernel import Kernel
from switchyard.orchestrator.v1.job_worker_service_pb2_grpc import add_JobWorkerServiceServicer_to_server
from switchyard.orchestrator.v1.node_type_service_pb2_grpc import add_NodeTypeServiceServicer_to_server
from switchyard.orchestrator.v1.workflow_service_pb2_grpc import add_WorkflowServiceServicer_to_server


@dataclass(frozen=True, slots=True)
class WorkflowServices:
    """What serves, and what works by itself until cancelled."""

    servicers: Sequence[Callable[[grpc.aio.Server], None]]
    background: Sequence[Callable[[], Coroutine[Any, Any, None]]]


def build(
    *,
    database: Database,
    kernel: Kernel,
    secret_box: SecretBox,
    versions: Versions,
    beginnings: Beginnings,
    clock: Clock,
    copies_folder: Path | None,
) -> WorkflowServices:
    """Return the parts of this room. `copies_folder` takes a copy of each workflow; None keeps none."""
    copies = None if copies_folder is None else WorkflowCopies(database, copies_folder)
    housekeeping = WorkflowHousekeeping(database, kernel, clock)
    node_types = NodeTypeStore()
    workflows = WorkflowService(
        database, kernel, node_types, housekeeping, secret_box, clock, copies.changed if copies else _no_copy
    )
    return WorkflowServices(
        servicers=(
            partial(add_WorkflowServiceServicer_to_server, workflows),
            partial(add_NodeTypeServiceServicer_to_server, NodeTypeService(database, node_types, clock)),
            partial(add_JobWorkerServiceServicer_to_server, JobWorkerService(kernel, versions, beginnings)),
        ),
        background=(housekeeping.run, *((copies.run,) if copies else ())),
    )


def _no_copy(workflow_id: str) -> None:
    """Do nothing: nobody wants copies."""
