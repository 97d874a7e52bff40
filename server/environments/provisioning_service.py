"""ProvisioningService: what workers need to make, run and compare environments, under their leases."""

from collections.abc import Sequence
from typing import Any, Final

import grpc
import sqlalchemy as sa

from server.database.database import Database
from server.environments import environment_store
from server.environments.environment_row import EnvironmentRow
from server.environments.new_task import COMPARE_KIND, PROVISION_KIND, READ_KIND
from server.environments.packed import unpacked
from server.environments.reconciliation import found_store
from server.environments.reconciliation.wanted import wanted
from server.errors import InvalidArgument, LeaseLost
from server.secret_box import SecretBox
from server.tasks import store
from server.tasks.kernel import Kernel
from server.tasks.task import TaskRow
from switchyard.environments.v1 import provisioning_service_pb2 as pb
from switchyard.environments.v1 import provisioning_service_pb2_grpc as pb_grpc
from switchyard.environments.v1.environment_pb2 import Port
from switchyard.environments.v1.template_service_pb2 import Template

# Kinds of Tasks that are done to one environment.
OF_ONE: Final = (PROVISION_KIND, READ_KIND)

Context = grpc.aio.ServicerContext[Any, Any]


class ProvisioningService(pb_grpc.ProvisioningServiceServicer):
    """Serves workers that hold a lease. `agent_url` is where environments reach the environments API."""

    def __init__(self, database: Database, kernel: Kernel, secret_box: SecretBox, *, agent_url: str) -> None:
        self._database = database
        self._kernel = kernel
        self._secret_box = secret_box
        self._agent_url = agent_url

    async def GetEnvironmentPlan(
        self, request: pb.GetEnvironmentPlanRequest, _context: Context
    ) -> pb.GetEnvironmentPlanResponse:
        """Give what an environment is to be, with its secrets."""
        task = await self._kernel.held(request.lease.task_id, request.lease.fencing_token)
        environment_id = _environment_of(task)
        row = await self._database.read(lambda connection: environment_store.require(connection, environment_id))
        plan = pb.GetEnvironmentPlanResponse.FromString(self._secret_box.unseal(row.sealed_secrets))
        plan.MergeFrom(_without_secrets(row))
        plan.variables["AGENT_URL"] = self._agent_url
        return plan

    async def ReportFound(self, request: pb.ReportFoundRequest, _context: Context) -> pb.ReportFoundResponse:
        """Keep what a provider has until the comparison is complete, and say of what more is wanted."""
        if any(not found.environment_id for found in request.found):
            raise InvalidArgument.field("found", "must name each environment")

        def work(connection: sa.Connection) -> list[str]:
            task = store.held(connection, request.lease.task_id, request.lease.fencing_token)
            _require_kind(task, (COMPARE_KIND,))
            if request.first:
                found_store.forget(connection, task.id)
            found_store.add(connection, task.id, request.found)
            return wanted(connection, task, request.found, now=self._kernel.clock())

        return pb.ReportFoundResponse(wanted=await self._database.write(work))


def _environment_of(task: TaskRow) -> str:
    """Return the id of the environment that a Task is done to. Raises LeaseLost for one of another kind."""
    _require_kind(task, OF_ONE)
    if task.kind == READ_KIND:
        return unpacked(task.payload, pb.ReadEnvironment()).environment_id
    return unpacked(task.payload, pb.ProvisionEnvironment()).environment_id


def _require_kind(task: TaskRow, kinds: Sequence[str]) -> None:
    if task.kind not in kinds:
        raise LeaseLost(task.id)


def _without_secrets(row: EnvironmentRow) -> pb.GetEnvironmentPlanResponse:
    template = Template.FromString(row.template_ports or b"")
    return pb.GetEnvironmentPlanResponse(
        environment_id=row.id,
        user_id=row.user_id,
        name=row.name,
        region=row.cloud_region,
        image=row.image,
        cpu_cores=row.cpu_cores,
        memory_gb=row.memory_gb,
        storage_gb=row.storage_gb,
        ports=[Port(name=one.name, port=one.port) for one in template.ports],
        startup_script=row.startup_script,
        variables={"ENVIRONMENT_ID": row.id, "ENVIRONMENT_NAME": row.name, "USER_ID": row.user_id},
    )
