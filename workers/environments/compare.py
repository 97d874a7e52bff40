"""Tasks of kind "compare_environments": the server is told what a provider has of ours.

A list may not tell how everything in it fares. The server then says of which it wants to know, as the worker knows
nothing of its rows, and those are looked at one by one.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from switchyard.environments.v1 import provisioning_service_pb2 as pb
from workers.assignment import Assignment, Report, failed, succeeded
from workers.environments.failures import told_plainly
from workers.environments.provider import Provider, ProviderFailed
from workers.environments.providers import Providers

# Bound of one message, by the contract.
MESSAGE_ENVIRONMENTS: Final = 1000
# Environments that are looked at together.
LOOKS_AT_ONCE: Final = 16


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
    count = 0
    first = True
    async for found in _messages(provider):
        wanted = await _tell(assignment, found, first=first)
        if looked_at := await _look(provider, [one for one in found if one.environment_id in wanted]):
            await _tell(assignment, looked_at, first=False)
        count += len(found)
        first = False
    if first:  # that nothing is there has to be told too
        await _tell(assignment, (), first=True)
    return count


async def _tell(assignment: Assignment, found: Sequence[pb.FoundEnvironment], *, first: bool) -> Collection[str]:
    """Tell the server, and return the ids of which it wants to know more."""
    link = assignment.link
    request = pb.ReportFoundRequest(lease=assignment.lease.key, first=first, found=found)
    return frozenset((await link.call(link.environments.ReportFound, request)).wanted)


async def _look(provider: Provider, some: Sequence[pb.FoundEnvironment]) -> Sequence[pb.FoundEnvironment]:
    """Return what the provider has of some environments, without those that have gone meanwhile."""
    at_once = asyncio.Semaphore(LOOKS_AT_ONCE)

    async def look(one: pb.FoundEnvironment) -> pb.FoundEnvironment | None:
        async with at_once:
            return await provider.describe(one.environment_id, one.region)

    try:
        async with asyncio.TaskGroup() as tasks:
            looks = [tasks.create_task(look(one)) for one in some]
    except ExceptionGroup as failures:  # the first one ended the others
        raise failures.exceptions[0] from None
    return [found for one in looks if (found := one.result()) is not None]


async def _messages(provider: Provider) -> AsyncIterator[Sequence[pb.FoundEnvironment]]:
    async for page in provider.found():
        for begin in range(0, len(page), MESSAGE_ENVIRONMENTS):
            yield page[begin : begin + MESSAGE_ENVIRONMENTS]
