"""Tasks of kind "read_environment": what an environment prints becomes the log of the Task."""

from dataclasses import dataclass
from typing import Final

from switchyard.environments.v1 import provisioning_service_pb2 as pb
from switchyard.tasks.v1 import worker_service_pb2 as tasks_pb
from workers.assignment import Assignment, Report, failed, succeeded, without_process
from workers.environments.failures import told_plainly
from workers.environments.provider import Output, ProviderFailed
from workers.environments.providers import Providers

_STOPPED: Final = "the worker that read it was stopped"


@dataclass(frozen=True, slots=True)
class ReadEnvironment:
    """The handler of this kind. It sees to its end itself: read again, everything would be printed twice."""

    providers: Providers

    async def __call__(self, assignment: Assignment) -> Report:
        """Read until there is no more, or until the Task is cancelled.

        Raises:
            LeaseLost: the lease is over.
        """
        report = await without_process(self._read)(assignment)
        if isinstance(report, tasks_pb.ReleaseTaskRequest):
            return failed("WorkerStopped", _STOPPED)
        return report

    async def _read(self, assignment: Assignment) -> Report:
        payload = assignment.payload(pb.ReadEnvironment)
        try:
            with told_plainly(payload.provider, "read from the environment"):
                exit_code = await self._hand_over(payload, output_of(assignment))
        except ProviderFailed as failure:
            return failed(failure.kind, str(failure), retryable=False)
        return succeeded(pb.ReadEnvironmentResult(exit_code=exit_code), exit_code=exit_code)

    async def _hand_over(self, payload: pb.ReadEnvironment, output: Output) -> int | None:
        provider = self.providers.of(payload.provider)
        if payload.WhichOneof("what") == "command":
            arguments = list(payload.command.arguments)
            return await provider.exec(payload.environment_id, payload.region, arguments, output)
        logs = payload.logs
        await provider.logs(payload.environment_id, payload.region, output, tail=logs.tail, follow=logs.follow)
        return None


def output_of(assignment: Assignment) -> Output:
    """Return what makes a line of the Task's log of each line; too long, it is cut there."""

    def take(line: str) -> None:
        assignment.log.add("info", line)

    return take
