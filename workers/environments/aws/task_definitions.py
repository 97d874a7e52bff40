"""The task definitions of environments at ECS: registered when they change, removed with everything else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from workers.environments.aws import names
from workers.environments.aws.account import Account
from workers.environments.aws.task_definition import FINGERPRINT
from workers.environments.retrying import Patience

# ECS says this of a family that it does not know, and of nothing else in this call.
_ABSENT: Final = "ClientException"
# Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteTaskDefinitions.html
_AT_ONCE: Final = 10


@dataclass(frozen=True, slots=True)
class TaskDefinitions:
    """Registers, finds and removes them."""

    account: Account
    patience: Patience

    async def ensure(self, definition: Mapping[str, Any]) -> str:
        """Return the name (ARN) of the newest of its family, which is like `definition`."""

        async def step() -> str:
            newest = await self.account.find(
                "ecs", "describe_task_definition", {_ABSENT}, taskDefinition=definition["family"], include=["TAGS"]
            )
            wanted = names.tag_of(definition, FINGERPRINT)
            if newest is None or names.tag_of(newest, FINGERPRINT) != wanted:
                newest = await self.account.call("ecs", "register_task_definition", **definition)
            return str(newest["taskDefinition"]["taskDefinitionArn"])

        return await self.patience.insist(step)

    async def any_of(self, family: str) -> bool:
        """Tell whether one of that family was registered, and not removed since."""
        return bool(await self._list(family, "ACTIVE") or await self._list(family, "INACTIVE"))

    async def remove(self, family: str) -> None:
        """Remove all of that family, of which there may be none."""
        for arn in await self._list(family, "ACTIVE"):
            await self._deregister(arn)
        inactive = await self._list(family, "INACTIVE")
        for start in range(0, len(inactive), _AT_ONCE):
            await self._delete(inactive[start : start + _AT_ONCE])

    async def _deregister(self, arn: str) -> None:
        async def step() -> None:
            await self.account.find("ecs", "deregister_task_definition", {_ABSENT}, taskDefinition=arn)

        await self.patience.insist(step)

    async def _delete(self, arns: Sequence[str]) -> None:
        async def step() -> None:
            await self.account.call("ecs", "delete_task_definitions", taskDefinitions=list(arns))

        await self.patience.insist(step)

    async def _list(self, family: str, status: str) -> Sequence[str]:
        pages = self.account.pages("ecs", "list_task_definitions", "nextToken", familyPrefix=family, status=status)
        return [arn async for page in pages for arn in page["taskDefinitionArns"]]
