"""Puts the parts of this package together: the servicers, the final hooks and what runs beside them."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import grpc

from server.clock import Clock
from server.database.database import Database
from server.environments.activity.activity_service import ActivityService
from server.environments.activity.idle_watch import IdleWatch
from server.environments.agent_service import AgentService
from server.environments.costs.cost_service import CostService
from server.environments.environment_service import EnvironmentService
from server.environments.environment_tokens import EnvironmentTokens
from server.environments.new_task import COMPARE_KIND, PROVISION_KIND
from server.environments.operation_ends import OperationEnds
from server.environments.output.output_service import OutputService
from server.environments.provisioning_service import ProvisioningService
from server.environments.quotas.quota_service import QuotaService
from server.environments.reconciliation import comparing, orphans
from server.environments.reconciliation.comparing import Comparing
from server.environments.reconciliation.reconciliation_service import ReconciliationService
from server.environments.reconciliation.stuck import Stuck
from server.environments.schedules.schedule_firing import ScheduleFiring
from server.environments.schedules.schedule_service import EnvironmentScheduleService
from server.environments.settings import EnvironmentSettings
from server.environments.templates.template_service import TemplateService
from server.environments.watching import Watching
from server.rpc.caller import FindEnvironment
from server.secret_box import SecretBox
from server.tasks.kernel import Kernel
from server.tasks.log_hub import LogHub
from server.tasks.store import FinalHook
from switchyard.environments.v1.activity_service_pb2_grpc import add_ActivityServiceServicer_to_server
from switchyard.environments.v1.agent_service_pb2_grpc import add_AgentServiceServicer_to_server
from switchyard.environments.v1.cost_service_pb2_grpc import add_CostServiceServicer_to_server
from switchyard.environments.v1.environment_schedule_service_pb2_grpc import (
    add_EnvironmentScheduleServiceServicer_to_server,
)
from switchyard.environments.v1.environment_service_pb2_grpc import add_EnvironmentServiceServicer_to_server
from switchyard.environments.v1.output_service_pb2_grpc import add_OutputServiceServicer_to_server
from switchyard.environments.v1.provisioning_service_pb2_grpc import add_ProvisioningServiceServicer_to_server
from switchyard.environments.v1.quota_service_pb2_grpc import add_QuotaServiceServicer_to_server
from switchyard.environments.v1.reconciliation_service_pb2_grpc import add_ReconciliationServiceServicer_to_server
from switchyard.environments.v1.template_service_pb2_grpc import add_TemplateServiceServicer_to_server

# The kernel calls these when a Task of the kind ends.
FINAL_HOOKS: Final[Mapping[str, FinalHook]] = {
    PROVISION_KIND: orphans.on_final,
    COMPARE_KIND: comparing.on_final,
}

Register = Callable[[grpc.aio.Server], None]
Background = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class EnvironmentServices:
    """The servicers of this package, each as the call that registers it, and what runs beside them."""

    servicers: Sequence[Register]
    background: Sequence[Background]
    find_environment: FindEnvironment
    ends: OperationEnds

    def add_to_server(self, server: grpc.aio.Server) -> None:
        """Register every servicer."""
        for register in self.servicers:
            register(server)

    def close(self) -> None:
        """Let nobody wait any more for what may come: the server stops."""
        self.ends.close()

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
    secret_box: SecretBox,
    clock: Clock,
    settings: EnvironmentSettings,
    version: str,
    start_time: int,
) -> EnvironmentServices:
    """Return the parts of this package, wired to those of the kernel. `kernel` has `FINAL_HOOKS` among its hooks."""
    ends, watching = OperationEnds(kernel), Watching(database, kernel)
    firing = ScheduleFiring(database, kernel, clock, settings.quota)
    compare = Comparing(database, kernel, settings.providers, seconds=settings.reconcile_seconds)
    environments = EnvironmentService(database, kernel, ends, watching, secret_box, clock, settings)
    activity = ActivityService(database, kernel, clock)
    schedules = EnvironmentScheduleService(database, firing, clock)
    output = OutputService(database, kernel, hub)
    reconciliation = ReconciliationService(database, kernel, compare)
    provisioning = ProvisioningService(database, kernel, secret_box, agent_url=settings.agent_url)
    agent = AgentService(database, clock, version=version, start_time=start_time)
    return EnvironmentServices(
        servicers=[
            partial(add_EnvironmentServiceServicer_to_server, environments),
            partial(add_ActivityServiceServicer_to_server, activity),
            partial(add_EnvironmentScheduleServiceServicer_to_server, schedules),
            partial(add_OutputServiceServicer_to_server, output),
            partial(add_TemplateServiceServicer_to_server, TemplateService(database, clock)),
            partial(add_QuotaServiceServicer_to_server, QuotaService(database, settings.quota)),
            partial(add_CostServiceServicer_to_server, CostService(database, clock)),
            partial(add_ReconciliationServiceServicer_to_server, reconciliation),
            partial(add_ProvisioningServiceServicer_to_server, provisioning),
            partial(add_AgentServiceServicer_to_server, agent),
        ],
        background=[
            IdleWatch(database, kernel, clock).run,
            firing.run,
            compare.run,
            Stuck(database, kernel).run,
            output.end_abandoned,
        ],
        find_environment=EnvironmentTokens(database).find,
        ends=ends,
    )
