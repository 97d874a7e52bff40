"""The tasks of ECS, which are what runs, and their addresses."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workers.environments.aws.account import Account
from workers.environments.aws.names import CONTAINER
from workers.environments.aws.settings import Settings

Task = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tasks:
    """Finds them. Each call is made once."""

    account: Account
    settings: Settings

    async def of_family(self, family: str) -> Sequence[Task]:
        """Return those of that family that run or did within the last hour."""
        wanted, unwanted = await asyncio.gather(self._list(family, "RUNNING"), self._list(family, "STOPPED"))
        return await self._describe([*wanted, *unwanted])

    async def running(self, family: str) -> Sequence[Task]:
        """Return those of that family that run now."""
        tasks = await self._describe(await self._list(family, "RUNNING"))
        return [task for task in tasks if task["lastStatus"] == "RUNNING"]

    async def runs(self, arn: str) -> bool:
        """Tell whether the task of that name (ARN) has not ended."""
        return not all(map(ended, await self._describe([arn])))

    async def address(self, task: Task) -> str | None:
        """Return the public address of a task; None while it has none."""
        interface = _interface(task)
        if interface is None:
            return None
        answer = await self.account.find(
            "ec2",
            "describe_network_interfaces",
            {"InvalidNetworkInterfaceID.NotFound"},
            NetworkInterfaceIds=[interface],
        )
        if answer is None:
            return None
        return next((n["Association"]["PublicIp"] for n in answer["NetworkInterfaces"] if n.get("Association")), None)

    async def _list(self, family: str, desired: str) -> Sequence[str]:
        pages = self.account.pages(
            "ecs", "list_tasks", "nextToken", cluster=self.settings.cluster, family=family, desiredStatus=desired
        )
        return [arn async for page in pages for arn in page["taskArns"]]

    async def _describe(self, arns: Sequence[str]) -> Sequence[Task]:
        if not arns:
            return []
        answer = await self.account.call("ecs", "describe_tasks", cluster=self.settings.cluster, tasks=list(arns)[:100])
        tasks: Sequence[Task] = answer["tasks"]
        return tasks


def ended(task: Task) -> bool:
    """Tell whether nothing of a task runs any more."""
    return task["lastStatus"] in ("STOPPED", "DELETED")


def ready(task: Task) -> bool:
    """Tell whether the editor of a task answers."""
    container = _container(task)
    return task["lastStatus"] == "RUNNING" and container.get("healthStatus") == "HEALTHY"


def takes_commands(task: Task) -> bool:
    """Tell whether a task was started with the agent that runs commands in its containers."""
    return bool(task.get("enableExecuteCommand"))


def exit_code(task: Task) -> int | None:
    """Return the exit code of a task that has ended; None when its container never ran."""
    code = _container(task).get("exitCode")
    return None if code is None else int(code)


def _container(task: Task) -> Mapping[str, Any]:
    return next((c for c in task.get("containers", ()) if c["name"] == CONTAINER), {})


def _interface(task: Task) -> str | None:
    details = [
        detail
        for attachment in task.get("attachments", ())
        if attachment["type"] == "ElasticNetworkInterface"
        for detail in attachment["details"]
    ]
    return next((str(d["value"]) for d in details if d["name"] == "networkInterfaceId"), None)
