"""The services of ECS: one for each environment, with a count of 1 or 0."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from switchyard.environments.v1.provisioning_service_pb2 import FoundEnvironment
from workers.environments.aws import names, task_definition
from workers.environments.aws.account import Account
from workers.environments.aws.settings import Settings
from workers.environments.aws.tasks import Task, Tasks, ended, ready
from workers.environments.provider import ProviderFailed
from workers.environments.retrying import Later, Patience, Said

Service = Mapping[str, Any]
# Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html
_AT_ONCE: Final = 10
_ABSENT: Final = ("ServiceNotFoundException", "ServiceNotActiveException")


@dataclass(frozen=True, slots=True)
class Running:
    """A task whose editor answers, and where."""

    task: Task
    service: str
    address: str


@dataclass(frozen=True, slots=True)
class Services:
    """Runs environments, and ends them."""

    account: Account
    settings: Settings
    tasks: Tasks
    patience: Patience

    async def ensure(self, environment_id: str, definition: str) -> None:
        """See to it that one task of that definition is wanted."""

        async def step() -> None:
            service = await self._find(environment_id)
            if service is None:
                await self._make(environment_id, definition)
            elif service["status"] == "DRAINING":
                raise Later("ecs: the service of before is not gone yet")
            elif service["desiredCount"] != 1 or service["taskDefinition"] != definition:
                await self._update(
                    environment_id,
                    desiredCount=1,
                    taskDefinition=definition,
                    enableExecuteCommand=self._takes_commands(),
                )

        await self.patience.insist(step)

    async def run(self, environment_id: str, definition: str) -> Running:
        """Return the task of that definition once its editor answers.

        Raises:
            ProviderFailed: it does not come up.
        """

        async def look() -> Running | None:
            service = await self._find(environment_id)
            if service is None:
                raise ProviderFailed("the environment was removed at AWS meanwhile", retryable=True)
            tasks = [t for t in await self.tasks.of_family(environment_id) if t["taskDefinitionArn"] == definition]
            for task in filter(ready, tasks):
                address = await self.tasks.address(task)
                if address is not None:
                    return Running(task, str(service["serviceArn"]), address)
            if _failed(service):
                raise ProviderFailed("the environment does not start at AWS") from Said(_reasons(tasks))
            return None

        return await self.patience.wait_for(look, "the environment to start")

    async def stop(self, environment_id: str) -> None:
        """Want no task, and return when none is left."""

        async def step() -> None:
            service = await self._find(environment_id)
            if service is not None and service["status"] == "ACTIVE" and service["desiredCount"] != 0:
                await self._update(environment_id, desiredCount=0)

        async def look() -> bool | None:
            service = await self._find(environment_id)
            busy = service is not None and (service["runningCount"] or service["pendingCount"])
            tasks = await self.tasks.of_family(environment_id)
            return True if not busy and all(map(ended, tasks)) else None

        await self.patience.insist(step)
        await self.patience.wait_for(look, "the environment to end")

    async def remove(self, environment_id: str) -> None:
        """Remove the service, which may be gone, and return when it and its tasks are."""

        async def step() -> None:
            service = await self._find(environment_id)
            if service is not None and service["status"] == "ACTIVE":
                await self.account.find(
                    "ecs",
                    "delete_service",
                    _ABSENT,
                    cluster=self.settings.cluster,
                    service=names.service_name(environment_id),
                    force=True,
                )

        async def look() -> bool | None:
            return True if await self._find(environment_id) is None else None

        await self.stop(environment_id)
        await self.patience.insist(step)
        await self.patience.wait_for(look, "the environment to be removed")

    async def find(self, environment_id: str) -> Service | None:
        """Return its service; None when it has none."""

        async def look() -> Service | None:
            return await self._find(environment_id)

        return await self.patience.insist(look)

    async def pages(self) -> AsyncIterator[Sequence[Service]]:
        """Return all services of environments, page by page."""
        cluster = self.settings.cluster
        async for page in self.account.pages("ecs", "list_services", "nextToken", cluster=cluster, maxResults=100):
            arns = page["serviceArns"]
            parts = [arns[start : start + _AT_ONCE] for start in range(0, len(arns), _AT_ONCE)]
            described = await asyncio.gather(*map(self._insist_on_describing, parts))
            yield [service for part in described for service in part if names.tag_of(service)]

    async def _insist_on_describing(self, services: Sequence[str]) -> Sequence[Service]:
        async def look() -> Sequence[Service]:
            return await self._describe(services)

        return await self.patience.insist(look)

    async def _find(self, environment_id: str) -> Service | None:
        return next(iter(await self._describe([names.service_name(environment_id)])), None)

    async def _describe(self, services: Sequence[str]) -> Sequence[Service]:
        # ECS shows what was removed as INACTIVE for a while.
        answer = await self.account.call(
            "ecs", "describe_services", cluster=self.settings.cluster, services=list(services), include=["TAGS"]
        )
        return [service for service in answer["services"] if service["status"] != "INACTIVE"]

    async def _make(self, environment_id: str, definition: str) -> None:
        await self.account.call(
            "ecs",
            "create_service",
            cluster=self.settings.cluster,
            serviceName=names.service_name(environment_id),
            taskDefinition=definition,
            desiredCount=1,
            launchType="FARGATE",
            networkConfiguration=task_definition.network(self.settings),
            # Never two at a time; and what cannot be started is said to have failed.
            deploymentConfiguration={
                "minimumHealthyPercent": 0,
                "maximumPercent": 100,
                "deploymentCircuitBreaker": {"enable": True, "rollback": False},
            },
            enableExecuteCommand=self._takes_commands(),
            propagateTags="SERVICE",
            tags=names.lower_tags(environment_id),
        )

    async def _update(self, environment_id: str, **changes: Any) -> None:
        await self.account.call(
            "ecs",
            "update_service",
            cluster=self.settings.cluster,
            service=names.service_name(environment_id),
            forceNewDeployment=changes["desiredCount"] > 0,
            **changes,
        )

    def _takes_commands(self) -> bool:
        # ECS refuses that for a definition without a role.
        return self.settings.task_role is not None


def standing(service: Service | None) -> FoundEnvironment.Standing.ValueType:
    """Return how an environment fares that has this service, or only its files."""
    if service is None:
        return FoundEnvironment.STANDING_STOPPED
    if service["desiredCount"] == 0:
        at_work = service["runningCount"] or service["pendingCount"] or service["status"] != "ACTIVE"
        return FoundEnvironment.STANDING_CHANGING if at_work else FoundEnvironment.STANDING_STOPPED
    if service["runningCount"] and service["status"] == "ACTIVE":
        return FoundEnvironment.STANDING_RUNNING
    return FoundEnvironment.STANDING_FAILED if _failed(service) else FoundEnvironment.STANDING_CHANGING


def detail(service: Service | None) -> str:
    """Return the same in the words of ECS."""
    if service is None:
        return "no service"
    return f"{service['status']}, {service['runningCount']} of {service['desiredCount']} running"


def _failed(service: Service) -> bool:
    newest = [deployment for deployment in service.get("deployments", ()) if deployment["status"] == "PRIMARY"]
    return any(deployment.get("rolloutState") == "FAILED" for deployment in newest)


def _reasons(tasks: Sequence[Task]) -> str:
    return "; ".join(sorted({str(task["stoppedReason"]) for task in tasks if task.get("stoppedReason")}))
