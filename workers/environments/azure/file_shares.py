"""The file shares that hold the files of environments, one each."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Final

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.fileshare.aio import ShareServiceClient

from workers.environments.azure.container_group import SHARE_PREFIX, share_name
from workers.environments.azure.errors import code_of, is_changing

# Names of metadata are those of variables, so the tag of container groups cannot be one.
# Source: https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-shares--directories--files--and-metadata
_MARK: Final = "switchyard_environment"
_IS_THERE: Final = "ShareAlreadyExists"


class FileShares:
    """The shares of one storage account. All raise AzureError."""

    def __init__(self, client: ShareServiceClient, look_seconds: float) -> None:
        self._client = client
        self._look_seconds = look_seconds

    async def keep(self, environment_id: str, quota_gb: int) -> None:
        """Make the share of an environment; one that is there stays as it is, with its files."""
        while True:
            try:
                await self._client.create_share(
                    share_name(environment_id), quota=quota_gb, metadata={_MARK: environment_id}
                )
                return
            except HttpResponseError as error:
                if code_of(error) == _IS_THERE:
                    return
                if not is_changing(error):
                    raise
            await asyncio.sleep(self._look_seconds)

    async def remove(self, environment_id: str) -> None:
        """Remove the share of an environment with its files and snapshots, if it is there."""
        try:
            await self._client.delete_share(share_name(environment_id), delete_snapshots=True)
        except ResourceNotFoundError:
            pass
        except HttpResponseError as error:
            # It is being deleted already.
            if not is_changing(error):
                raise

    async def is_there(self, environment_id: str) -> bool:
        """Return whether an environment has a share."""
        try:
            await self._client.get_share_client(share_name(environment_id)).get_share_properties()
        except ResourceNotFoundError:
            return False
        except HttpResponseError as error:
            if is_changing(error):
                return False
            raise
        return True

    async def pages(self) -> AsyncIterator[Mapping[str, str]]:
        """Return the names of all shares of ours by the id of their environment, a page for each call."""
        shares = self._client.list_shares(name_starts_with=SHARE_PREFIX, include_metadata=True)
        async for page in shares.by_page():
            marked = [(share.metadata or {}, share.name) async for share in page]
            yield {metadata[_MARK]: name for metadata, name in marked if _MARK in metadata}

    async def close(self) -> None:
        """Let connections go."""
        await self._client.close()
