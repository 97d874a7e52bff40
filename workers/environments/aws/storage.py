"""The files of environments: access points of one file system of EFS."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from workers.environments.aws import names
from workers.environments.aws.account import Account
from workers.environments.aws.settings import Settings
from workers.environments.retrying import Patience

# Whose the files are, whatever the image runs as.
OWNER: Final = 1000
PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Storage:
    """Makes, finds and removes access points."""

    account: Account
    settings: Settings
    patience: Patience

    async def ensure(self, environment_id: str) -> str:
        """Return the id of its access point, made if it is not there, once it can be used."""

        async def look() -> str | None:
            point = await self._look_or_make(environment_id)
            return str(point["AccessPointId"]) if point["LifeCycleState"] == "available" else None

        return await self.patience.wait_for(look, "the storage")

    async def find(self, environment_id: str) -> Sequence[str]:
        """Return the ids of its access points: one, or none."""

        async def look() -> Sequence[str]:
            return [str(point["AccessPointId"]) for point in await self._all_of(environment_id)]

        return await self.patience.insist(look)

    async def remove(self, access_point: str) -> None:
        """Remove an access point, which may be gone."""

        async def step() -> None:
            await self.account.find("efs", "delete_access_point", {"AccessPointNotFound"}, AccessPointId=access_point)

        await self.patience.insist(step)

    async def pages(self) -> AsyncIterator[Sequence[str]]:
        """Return the ids of all environments that have one, page by page."""
        async for points in self._pages():
            yield [tag for point in points if _there(point) and (tag := names.tag_of(point))]

    async def _look_or_make(self, environment_id: str) -> Mapping[str, Any]:
        there = await self._all_of(environment_id)
        if there:
            return there[0]
        made = await self.account.find(
            "efs",
            "create_access_point",
            {"AccessPointAlreadyExists"},  # a try before has made it, and the list does not have it yet
            ClientToken=environment_id,
            FileSystemId=self.settings.file_system,
            PosixUser={"Uid": OWNER, "Gid": OWNER},
            RootDirectory={
                "Path": names.folder(environment_id),
                "CreationInfo": {"OwnerUid": OWNER, "OwnerGid": OWNER, "Permissions": "0750"},
            },
            Tags=names.upper_tags(environment_id),
        )
        return made or {"LifeCycleState": "creating"}

    async def _all_of(self, environment_id: str) -> Sequence[Mapping[str, Any]]:
        return [
            point
            async for points in self._pages()
            for point in points
            if names.tag_of(point) == environment_id and _there(point)
        ]

    async def _pages(self) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        pages = self.account.pages(
            "efs", "describe_access_points", "NextToken", FileSystemId=self.settings.file_system, MaxResults=PAGE
        )
        async for page in pages:
            yield page["AccessPoints"]


def _there(point: Mapping[str, Any]) -> bool:
    return point.get("LifeCycleState") not in ("deleting", "deleted")
