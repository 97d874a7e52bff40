"""Puts the parts of this package together: the servicers, the final hooks and what runs beside them."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc

from server.bots import delivery, validation
from server.bots.housekeeping import Housekeeping
from server.bots.instance_service import InstanceService
from server.bots.instance_store import RUN_KIND, VALIDATE_KIND
from server.bots.instance_view import InstanceView
from server.bots.log_files import LogFiles
from server.bots.log_stream import LogStream
from server.bots.provisioning import Provisioning
from server.bots.run_service import RunService
from server.bots.webhook_service import WebhookService
from server.bots.worker_service import BotWorkerService
from server.clock import Clock
from server.database.database import Database
from server.outbound import OutboundRule
from server.secret_box import SecretBox
from server.tasks.artifacts import ArtifactFiles
from server.tasks.kernel import Kernel
from server.tasks.log_hub import LogHub
from server.tasks.store import FinalHook
from switchyard.bots.v1 import (
    bot_instance_service_pb2_grpc,
    bot_worker_service_pb2_grpc,
    run_service_pb2_grpc,
    webhook_service_pb2_grpc,
)

MEGABYTE: Final = 1_000_000

# The kernel calls these when a Task of the kind ends.
FINAL_HOOKS: Final[Mapping[str, FinalHook]] = {
    RUN_KIND: delivery.on_run_final,
    VALIDATE_KIND: validation.on_final,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLimits:
    """How logs are kept: the size at which a file is rotated, and per instance what age and size are too much."""

    file_megabytes: int
    retention_days: int
    retention_megabytes: int


@dataclass(frozen=True, slots=True)
class BotServices:
    """The servicers of this package and what runs beside them."""

    instances: InstanceService
    runs: RunService
    webhooks: WebhookService
    workers: BotWorkerService
    log_files: LogFiles
    housekeeping: Housekeeping

    def add_to_server(self, server: grpc.aio.Server) -> None:
        """Register every servicer."""
        bot_instance_service_pb2_grpc.add_BotInstanceServiceServicer_to_server(self.instances, server)
        run_service_pb2_grpc.add_RunServiceServicer_to_server(self.runs, server)
        webhook_service_pb2_grpc.add_WebhookServiceServicer_to_server(self.webhooks, server)
        bot_worker_service_pb2_grpc.add_BotWorkerServiceServicer_to_server(self.workers, server)

    async def run_background(self) -> None:
        """Write log files and clear away until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.log_files.run())
            group.create_task(self.housekeeping.run())


def build(
    *,
    database: Database,
    kernel: Kernel,
    hub: LogHub,
    artifact_files: ArtifactFiles,
    secret_box: SecretBox,
    outbound: OutboundRule,
    clock: Clock,
    data_dir: Path,
    log_limits: LogLimits,
) -> BotServices:
    """Return the parts of this package, wired to those of the kernel. `kernel` has `FINAL_HOOKS` among its hooks."""
    view = InstanceView(data_dir)
    provisioning = Provisioning(database, kernel, view, clock, data_dir=data_dir)
    log_files = LogFiles(database, hub, view, clock, file_bytes=log_limits.file_megabytes * MEGABYTE)
    housekeeping = Housekeeping(
        database,
        view,
        provisioning,
        clock,
        retention_days=log_limits.retention_days,
        retention_bytes=log_limits.retention_megabytes * MEGABYTE,
    )
    stream = LogStream(database, kernel, hub)
    return BotServices(
        instances=InstanceService(database, kernel, view, provisioning, clock),
        runs=RunService(database, kernel, view, stream, artifact_files, clock),
        webhooks=WebhookService(database, kernel, secret_box, outbound, clock),
        workers=BotWorkerService(database, kernel, view, secret_box, clock),
        log_files=log_files,
        housekeeping=housekeeping,
    )
