"""Tasks of kind "compare_environments": the server is told what a provider has of ours."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from switchyard.environments.v1 import provisioning_service_pb2 as pb
from workers.assignment import Assignment, Report, failed, succeeded
from workers.environments.failures import told_plainly
from workers.environments.provider import Provider, ProviderFailed
from workers.environments.providers import Providers

# Bound of one message, by the contract.
MESSAGE_ENVIRONMENTS: Final = 1000


@dataclass(frozen=True, slots=True)
class CompareEnvironments:
    """The handler of this kind."""

    providers: Providers

    async def __call__(self, assignment: Assignment) -> Report:
        """Report everything that is there, page by page.

        Raises:
            LeaseLost: the lease is over.
        """
        name = assignment.payload(pb.CompareEnvironments).provider
        try:
            with told_plainly(name, "list the environments"):
                found = await _report(assignment, self.providers.of(name))
        except ProviderFailed as failure:
            assignment.log.add("error", str(failure))
            return failed(failure.kind, str(failure), retryable=failure.retryable)
        return succeeded(pb.CompareEnvironmentsResult(found=found))


async def _report(assignment: Assignment, provider: Provider) -> int:
    link = assignment.link
    count = 0
    first = True
    async for found in _messages(provider):
        request = pb.ReportFoundRequest(lease=assignment.lease.key, first=first, found=found)
        await link.call(link.environments.ReportFound, request)
        count += len(found)
        first = False
    if first:  # that nothing is there has to be told too
        await link.call(link.environments.ReportFound, pb.ReportFoundRequest(lease=assignment.lease.key, first=True))
    return count


async def _messages(provider: Provider) -> AsyncIterator[Sequence[pb.FoundEnvironment]]:
    async for page in provider.found():
        for begin in range(0, len(page), MESSAGE_ENVIRONMENTS):
            yield page[begin : begin + MESSAGE_ENVIRONMENTS]
