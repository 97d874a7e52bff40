"""Comparisons as a worker makes them, and what came of them."""

from typing import Any

from server.environments.reconciliation.comparing import Comparing
from switchyard.environments.v1 import provisioning_service_pb2 as pb
from switchyard.environments.v1.provisioning_service_pb2 import FoundEnvironment
from switchyard.tasks.v1 import worker_service_pb2 as worker_pb
from tests.integration.environments.serving import PATH, Claimed, Worker
from tests.integration.orchestrator.serving import Site

RUNS = FoundEnvironment.STANDING_RUNNING
RESTS = FoundEnvironment.STANDING_STOPPED
BROKEN = FoundEnvironment.STANDING_FAILED
UNTOLD = FoundEnvironment.STANDING_UNSPECIFIED


def there(
    environment_id: str, standing: FoundEnvironment.Standing.ValueType = RUNS, *resources: str
) -> FoundEnvironment:
    """Return what a provider has of an environment."""
    return FoundEnvironment(
        environment_id=environment_id, standing=standing, detail="Waiting", resources=resources, region="eastus"
    )


async def begin(site: Site, worker: Worker) -> Claimed:
    """Ask for a comparison and let a worker take it."""
    answer = await site.http.post(f"{PATH}:reconcile", json={})
    assert answer.status_code == 200, answer.text
    return await worker.take("compare_environments")


async def report(site: Site, claimed: Claimed, *found: FoundEnvironment, first: bool = True) -> list[str]:
    """Report a page, and return of which environments more is wanted."""
    request = pb.ReportFoundRequest(lease=claimed.lease, first=first, found=found)
    response = await site.stub("environments.ProvisioningService").ReportFound(request, metadata=site.worker)
    return list(response.wanted)


async def end(site: Site, claimed: Claimed) -> None:
    """End a comparison well, and settle it as the server does by itself."""
    request = worker_pb.FinishTaskRequest(lease=claimed.lease, success=worker_pb.FinishTaskRequest.Success())
    await site.stub("tasks.WorkerService").FinishTask(request, metadata=site.worker)
    await settle(site, claimed)


async def settle(site: Site, claimed: Claimed) -> None:
    """Settle a comparison that has succeeded."""
    comparing = Comparing(site.database, site.kernel, ["local"], seconds=300)
    await comparing.settle(await site.kernel.get(claimed.lease.task_id))


async def compare(site: Site, worker: Worker, *found: FoundEnvironment) -> None:
    """Compare what is stored with what the provider has."""
    claimed = await begin(site, worker)
    await report(site, claimed, *found)
    await end(site, claimed)


async def decisions(site: Site, environment_id: str) -> list[dict[str, Any]]:
    """Return what was decided about an environment, newest first."""
    answer = await site.http.get(f"{PATH}/{environment_id}/decisions")
    assert answer.status_code == 200, answer.text
    listed: list[dict[str, Any]] = answer.json()["decisions"]
    return listed


async def last_comparison(site: Site) -> dict[str, Any]:
    """Return how the last comparison went."""
    (comparison,) = (await site.http.get(f"{PATH}:reconciliation")).json()["comparisons"]
    assert isinstance(comparison, dict)
    return comparison
