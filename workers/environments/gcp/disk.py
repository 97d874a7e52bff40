"""The files of environments: a disk each, which outlives its machine."""

from dataclasses import dataclass
from typing import Any, Final

from workers.environments.gcp import names
from workers.environments.gcp.machine import labels
from workers.environments.gcp.operations import Operations
from workers.environments.gcp.project import EXISTS, NOT_FOUND, Project
from workers.environments.retrying import Patience

CLIENT: Final = "DisksClient"


@dataclass(frozen=True, slots=True)
class Disks:
    """Makes, finds and removes them."""

    project: Project
    operations: Operations
    patience: Patience

    async def ensure(self, environment_id: str, zone: str, size_gb: int) -> None:
        """See to it that there is one, of `size_gb` if it is made now."""

        async def look() -> bool | None:
            there = await self.find(environment_id, zone)
            if there is None:
                await self._make(environment_id, zone, size_gb)
            return True if there is not None and there.status == "READY" else None

        await self.patience.wait_for(look, "the storage")

    async def remove(self, environment_id: str, zone: str) -> None:
        """Remove it with its files, and return when it is gone."""

        async def look() -> bool | None:
            if await self.find(environment_id, zone) is None:
                return True
            name = names.disk_name(environment_id)
            operation = await self.project.compute(CLIENT, "delete_unary", {NOT_FOUND}, zone=zone, disk=name)
            await self.operations.end(operation, zone, "delete a disk")
            return None

        await self.patience.wait_for(look, "the storage to be removed")

    async def find(self, environment_id: str, zone: str) -> Any | None:
        """Return it as it is. Asked once."""
        return await self.project.compute(CLIENT, "get", {NOT_FOUND}, zone=zone, disk=names.disk_name(environment_id))

    async def _make(self, environment_id: str, zone: str, size_gb: int) -> None:
        resource = {
            "name": names.disk_name(environment_id),
            "size_gb": size_gb,
            "type_": f"zones/{zone}/diskTypes/pd-balanced",
            "labels": labels(environment_id),
        }
        operation = await self.project.compute(CLIENT, "insert_unary", {EXISTS}, zone=zone, disk_resource=resource)
        await self.operations.end(operation, zone, "insert a disk")
