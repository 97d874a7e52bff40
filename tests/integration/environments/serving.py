"""What tests of environments share: the documented request, and a worker that does what the test says."""

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx

from switchyard.environments.v1.environment_pb2 import Port
from switchyard.environments.v1.provisioning_service_pb2 import (
    ProvisionEnvironment,
    ProvisionEnvironmentResult,
)
from switchyard.tasks.v1 import worker_service_pb2 as worker_pb
from switchyard.tasks.v1.task_pb2 import Failure, Progress
from tests.integration.orchestrator.serving import Site

PATH = "/api/v1/environments"
# Source: the examples of the API's description.
BODY: dict[str, Any] = {
    "name": "my-dev-environment",
    "cloudProvider": "AZURE",
    "cloudRegion": "eastus",
    "cpuCores": 2,
    "memoryGB": 4,
    "storageGB": 20,
    "baseImage": "node",
}
IDE_URL = "https://20.185.123.45:8443"
MADE = ProvisionEnvironmentResult(
    resource_id="group-1",
    public_ip="20.185.123.45",
    ide_url=IDE_URL,
    storage_name="share-1",
    ports=[Port(name="ide", port=8443, url=IDE_URL), Port(name="ssh", port=2222)],
)


async def create(http: httpx.AsyncClient, headers: dict[str, str] | None = None, **body: Any) -> dict[str, Any]:
    """Ask for an environment and return it as it was answered."""
    answer = await http.post(PATH, json=BODY | body, headers=headers)
    assert answer.status_code == 201, answer.text
    environment: dict[str, Any] = answer.json()["environment"]
    return environment


async def look(http: httpx.AsyncClient, environment_id: str) -> dict[str, Any]:
    """Return an environment as it stands."""
    answer = await http.get(f"{PATH}/{environment_id}")
    assert answer.status_code == 200, answer.text
    environment: dict[str, Any] = answer.json()["environment"]
    return environment


@dataclass(frozen=True)
class Claimed:
    """A Task that a worker holds."""

    lease: worker_pb.LeaseKey
    payload: ProvisionEnvironment


@dataclass
class Worker:
    """The far side of the contract: claims Tasks of environments and ends them as a test says."""

    site: Site
    worker_id: str = "worker-1"

    async def claim(self, kind: str = "provision_environment") -> Claimed | None:
        """Claim the best Task of a kind; None when none waits."""
        request = worker_pb.ClaimTaskRequest(worker_id=self.worker_id, worker_host="host-1", kinds=[kind])
        task = (await self._stub().ClaimTask(request, metadata=self.site.worker)).task
        if not task.id:
            return None
        payload = ProvisionEnvironment()
        task.payload.Unpack(payload)
        return Claimed(worker_pb.LeaseKey(task_id=task.id, fencing_token=task.lease.fencing_token), payload)

    async def take(self, kind: str = "provision_environment") -> Claimed:
        """Claim the best Task of a kind as soon as there is one."""
        async with asyncio.timeout(10):
            while (claimed := await self.claim(kind)) is None:
                await asyncio.sleep(0.01)
        return claimed

    async def progress(self, claimed: Claimed, step: str, fraction: float) -> None:
        """Say how far it is."""
        request = worker_pb.ReportProgressRequest(
            lease=claimed.lease, progress=Progress(fraction=fraction, message=step)
        )
        await self._stub().ReportProgress(request, metadata=self.site.worker)

    async def succeed(self, claimed: Claimed, result: ProvisionEnvironmentResult = MADE) -> None:
        """End it well."""
        success = worker_pb.FinishTaskRequest.Success()
        success.result.Pack(result)
        await self._finish(worker_pb.FinishTaskRequest(lease=claimed.lease, success=success))

    async def fail(self, claimed: Claimed, message: str = "The provider's quota does not allow it") -> None:
        """End it badly, for good."""
        failed = worker_pb.FinishTaskRequest.Failed(error=Failure(type="ProviderQuota", message=message))
        await self._finish(worker_pb.FinishTaskRequest(lease=claimed.lease, failed=failed))

    async def cancelled(self, claimed: Claimed) -> None:
        """Say that what was to be broken off has ended."""
        ended = worker_pb.FinishTaskRequest(lease=claimed.lease, cancelled=worker_pb.FinishTaskRequest.Cancelled())
        await self._finish(ended)

    async def work(self) -> ProvisionEnvironment:
        """Do the next operation well and return what it was."""
        claimed = await self.take()
        await self.succeed(claimed)
        return claimed.payload

    async def running(self, headers: dict[str, str] | None = None, **body: Any) -> str:
        """Make an environment that runs and return its id."""
        environment_id: str = (await create(self.site.http, headers, **body))["id"]
        await self.work()
        return environment_id

    def _stub(self) -> Any:
        return self.site.stub("tasks.WorkerService")

    async def _finish(self, request: worker_pb.FinishTaskRequest) -> None:
        await self._stub().FinishTask(request, metadata=self.site.worker)
