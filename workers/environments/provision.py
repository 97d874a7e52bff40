"""Tasks of kind "provision_environment": one operation at a provider.

Done again after a loss it finds what the try before has made, so a Task that is broken off leaves nothing to undo.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from switchyard.environments.v1 import environment_pb2
from switchyard.environments.v1 import provisioning_service_pb2 as pb
from workers.assignment import Assignment, Report, failed, succeeded
from workers.environments.failures import told_plainly
from workers.environments.plan import fetch_plan
from workers.environments.provider import Made, Provider, ProviderFailed, Steps
from workers.environments.providers import Providers

Operation: Final = pb.ProvisionEnvironment
_VERBS: Final[Mapping[int, str]] = {
    Operation.OPERATION_CREATE: "create",
    Operation.OPERATION_START: "start",
    Operation.OPERATION_STOP: "stop",
    Operation.OPERATION_DELETE: "delete",
    Operation.OPERATION_CLEAN_UP: "clean up",
}


@dataclass(frozen=True, slots=True)
class ProvisionEnvironment:
    """The handler of this kind."""

    providers: Providers

    async def __call__(self, assignment: Assignment) -> Report:
        """Carry the operation out.

        Raises:
            LeaseLost: the lease is over.
            Refused: the environment is gone.
        """
        payload = assignment.payload(pb.ProvisionEnvironment)
        verb = _VERBS.get(payload.operation)
        if verb is None:
            return failed("InvalidArgument", f"this worker does not know operation {payload.operation}")
        try:
            with told_plainly(payload.provider, f"{verb} the environment"):
                made = await self._carry_out(assignment, payload)
        except ProviderFailed as failure:
            assignment.log.add("error", str(failure))
            return failed(failure.kind, str(failure), retryable=failure.retryable)
        return succeeded(pb.ProvisionEnvironmentResult() if made is None else result_of(made))

    async def _carry_out(self, assignment: Assignment, payload: pb.ProvisionEnvironment) -> Made | None:
        provider = self.providers.of(payload.provider)
        steps = steps_of(assignment)
        if payload.operation in (Operation.OPERATION_CREATE, Operation.OPERATION_START):
            return await _run(provider, assignment, payload, steps)
        if payload.operation == Operation.OPERATION_STOP:
            await provider.stop(payload.environment_id, payload.region, steps)
        else:
            await provider.delete(payload.environment_id, payload.region, steps)
        return None


async def _run(provider: Provider, assignment: Assignment, payload: pb.ProvisionEnvironment, steps: Steps) -> Made:
    plan = await fetch_plan(assignment)
    if payload.operation == Operation.OPERATION_CREATE:
        return await provider.create(plan, steps)
    return await provider.start(plan, steps)


def steps_of(assignment: Assignment) -> Steps:
    """Return what makes of each step the progress of the Task, and a line of its log."""

    def step(name: str, fraction: float) -> None:
        assignment.progress.set(fraction, name)
        assignment.log.add("info", name)

    return step


def result_of(made: Made) -> pb.ProvisionEnvironmentResult:
    """Return what the server keeps of an environment that runs."""
    return pb.ProvisionEnvironmentResult(
        resource_id=made.resource_id,
        public_ip=made.public_ip,
        ide_url=made.ide_url,
        storage_name=made.storage_name,
        ports=[
            environment_pb2.Port(name=port.name, port=port.port, url=port.url if port.url else None)
            for port in made.ports
        ],
    )
