"""The secrets of environments: one of Secret Manager each, of which only the newest version is kept.

Source: https://cloud.google.com/secret-manager/docs/reference/rest
"""

import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from workers.environments.gcp import names
from workers.environments.gcp.machine import labels
from workers.environments.gcp.project import EXISTS, NOT_FOUND, Project
from workers.environments.gcp.startup_script import secret_text
from workers.environments.provider import ENVIRONMENT_TAG
from workers.environments.retrying import Patience


@dataclass(frozen=True, slots=True)
class Secrets:
    """Writes, finds and removes them. What they hold is never read back."""

    project: Project
    patience: Patience

    async def write(self, environment_id: str, values: Mapping[str, str]) -> None:
        """See to it that the newest version holds `values`, and that no other can be read."""
        path = f"secrets/{names.secret_name(environment_id)}"
        await self.patience.insist(lambda: self._make(environment_id))
        newest = await self.patience.insist(lambda: self._add_version(path, secret_text(values)))
        for version in await self.patience.insist(lambda: self._readable(path)):
            if version != newest:
                await self.patience.insist(partial(self._destroy, path, version))

    async def remove(self, environment_id: str) -> None:
        """Remove it, which may be gone."""
        path = f"secrets/{names.secret_name(environment_id)}"

        async def step() -> None:
            await self.project.secrets("DELETE", path, {NOT_FOUND})

        await self.patience.insist(step)

    async def there(self, environment_id: str) -> bool:
        """Tell whether it has one."""

        async def look() -> bool:
            path = f"secrets/{names.secret_name(environment_id)}"
            return await self.project.secrets("GET", path, {NOT_FOUND}) is not None

        return await self.patience.insist(look)

    async def pages(self) -> AsyncIterator[Sequence[str]]:
        """Return the ids of all environments that have one, page by page."""
        query: dict[str, Any] = {"filter": f"labels.{ENVIRONMENT_TAG}:*", "pageSize": "250"}

        async def step() -> Mapping[str, Any]:
            return await self.project.secrets("GET", "secrets", **query) or {}

        while True:
            page = await self.patience.insist(step)
            yield [secret["labels"][ENVIRONMENT_TAG] for secret in page.get("secrets", ())]
            if not page.get("nextPageToken"):
                return
            query["pageToken"] = page["nextPageToken"]

    async def _make(self, environment_id: str) -> None:
        secret = {"replication": {"automatic": {}}, "labels": labels(environment_id)}
        name = names.secret_name(environment_id)
        await self.project.secrets("POST", "secrets", {EXISTS}, body=secret, secretId=name)

    async def _add_version(self, path: str, text: str) -> str:
        payload = {"payload": {"data": base64.b64encode(text.encode()).decode()}}
        made = await self.project.secrets("POST", f"{path}:addVersion", secret=True, body=payload)
        return _number(made or {})

    async def _readable(self, path: str) -> Sequence[str]:
        page = await self.project.secrets("GET", f"{path}/versions", filter="state:ENABLED") or {}
        return [_number(version) for version in page.get("versions", ())]

    async def _destroy(self, path: str, version: str) -> None:
        await self.project.secrets("POST", f"{path}/versions/{version}:destroy", {NOT_FOUND, 400}, body={})


def _number(version: Mapping[str, Any]) -> str:
    return str(version["name"]).rpartition("/")[2]
