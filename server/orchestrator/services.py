"""Makes the parts of the orchestrator and says which of them serve and which work by themselves."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import grpc
import sqlalchemy as sa

from server.clock import Clock
from server.database.database import Database
from server.fan_out import ALONE, FanOut
from server.orchestrator.health.health_service import HealthService
from server.orchestrator.job_runs import checkpoint_store
from server.orchestrator.job_runs.beginnings import Beginnings
from server.orchestrator.job_runs.job_run_service import JobRunService
from server.orchestrator.job_runs.versions import Versions
from server.orchestrator.jobs import job_activity
from server.orchestrator.jobs.job_service import JobService
from server.orchestrator.jobs.new_job import KINDS
from server.orchestrator.live.hub import Hub
from server.orchestrator.live.live_service import LiveService
from server.orchestrator.metrics.housekeeping import Housekeeping
from server.orchestrator.metrics.metrics_service import MetricsService
from server.orchestrator.robots import services as robots
from server.orchestrator.schedules import firing
from server.orchestrator.schedules import services as schedules
from server.orchestrator.secrets.secret_service import SecretService
from server.orchestrator.secrets.secret_values import SecretValues
from server.orchestrator.workflows import services as workflows
from server.rpc.caller import FindRobot
from server.secret_box import SecretBox
from server.tasks.artifacts import ArtifactFiles
from server.tasks.claiming import ClaimHooks
from server.tasks.kernel import Kernel
from server.tasks.log_hub import LogHub
from server.tasks.store import FinalHooks
from server.tasks.task import NewTask, TaskRow
from server.tasks.worker_service import AddressRule
from switchyard.orchestrator.v1.health_service_pb2_grpc import add_HealthServiceServicer_to_server
from switchyard.orchestrator.v1.job_run_service_pb2_grpc import add_JobRunServiceServicer_to_server
from switchyard.orchestrator.v1.job_service_pb2_grpc import add_JobServiceServicer_to_server
from switchyard.orchestrator.v1.live_service_pb2_grpc import add_LiveServiceServicer_to_server
from switchyard.orchestrator.v1.metrics_service_pb2_grpc import add_MetricsServiceServicer_to_server
from switchyard.orchestrator.v1.secret_service_pb2_grpc import add_SecretServiceServicer_to_server

# What the kernel calls when a robot claims a job, and when a job ends.
CLAIM_HOOKS: Final[ClaimHooks] = dict.fromkeys(KINDS, job_activity.on_claim)


def on_job_final(connection: sa.Connection, job: TaskRow, now: int) -> Sequence[NewTask]:
    """What every part adds to the end of a job."""
    return [
        *job_activity.on_final(connection, job, now),
        *firing.on_job_final(connection, job, now),
        *checkpoint_store.on_job_final(connection, job, now),
    ]


FINAL_HOOKS: Final[FinalHooks] = dict.fromkeys(KINDS, on_job_final)

Register = Callable[[grpc.aio.Server], None]
Background = Callable[[], Coroutine[Any, Any, None]]
Close = Callable[[], None]


@dataclass(frozen=True, slots=True)
class OrchestratorServices:
    """The servicers of this package, each as the call that registers it, and what runs beside them."""

    servicers: Sequence[Register]
    background: Sequence[Background]
    find_robot: FindRobot
    closing: Sequence[Close]

    def add_to_server(self, server: grpc.aio.Server) -> None:
        """Register every servicer."""
        for register in self.servicers:
            register(server)

    def close(self) -> None:
        """Let nobody wait any more for what may come: the server stops."""
        for close in self.closing:
            close()

    async def run_background(self) -> None:
        """Do what has to be done by itself until cancelled."""
        async with asyncio.TaskGroup() as group:
            for work in self.background:
                group.create_task(work())


def build(
    *,
    database: Database,
    kernel: Kernel,
    hub: LogHub,
    artifact_files: ArtifactFiles,
    outbound: AddressRule,
    secret_box: SecretBox,
    clock: Clock,
    workflow_copies_folder: Path | None,
    queue_reachable: Callable[[], Awaitable[bool]],
    fan_out: FanOut = ALONE,
) -> OrchestratorServices:
    """Return the parts of this package, wired to those of the kernel. `queue_reachable` asks the queue."""
    versions = Versions(database)
    secrets = SecretValues(database, secret_box)
    beginnings = Beginnings(database, secret_box, secrets)
    job_runs = JobRunService(database, versions, secrets, secret_box, artifact_files, outbound, clock)
    workflow_services = workflows.build(
        database=database,
        kernel=kernel,
        secret_box=secret_box,
        versions=versions,
        beginnings=beginnings,
        clock=clock,
        copies_folder=workflow_copies_folder,
    )
    schedule_services = schedules.build(database=database, kernel=kernel, clock=clock)
    robot_services = robots.build(
        database=database,
        kernel=kernel,
        hub=hub,
        versions=versions,
        beginnings=beginnings,
        clock=clock,
        fan_out=fan_out,
    )
    live_hub = Hub(database, clock, fan_out)
    kernel.listen(KINDS, live_hub.job_changed)
    return OrchestratorServices(
        servicers=(
            *workflow_services.servicers,
            *schedule_services.servicers,
            robot_services.add_to_server,
            partial(add_JobServiceServicer_to_server, JobService(database, kernel, hub, artifact_files, clock)),
            partial(add_JobRunServiceServicer_to_server, job_runs),
            partial(add_SecretServiceServicer_to_server, SecretService(database, secret_box, clock)),
            partial(add_MetricsServiceServicer_to_server, MetricsService(database, clock)),
            partial(add_LiveServiceServicer_to_server, LiveService(live_hub)),
            partial(add_HealthServiceServicer_to_server, HealthService(database, queue_reachable)),
        ),
        background=(
            *workflow_services.background,
            *schedule_services.background,
            robot_services.run_background,
            live_hub.run,
            Housekeeping(database, clock).run,
        ),
        find_robot=robot_services.enrolments.find_robot,
        closing=(robot_services.claims.close,),
    )
