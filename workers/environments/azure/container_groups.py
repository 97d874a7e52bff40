"""The container groups of a resource group, request by request."""

from collections.abc import AsyncIterator, Sequence
from typing import Final, cast

from azure.core.async_paging import AsyncItemPaged
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.containerinstance.aio import ContainerInstanceManagementClient
from azure.mgmt.containerinstance.models import (
    ContainerExecRequest,
    ContainerExecRequestTerminalSize,
    ContainerExecResponse,
    ContainerGroup,
)

from workers.environments.azure.container_group import CONTAINER
from workers.environments.azure.errors import code_of, is_changing
from workers.environments.provider import Steps
from workers.environments.typed_command import COLUMNS, ROWS, SHELL

# Not that the group is gone, but that there is no place for it.
_NOWHERE: Final = frozenset({"ResourceGroupNotFound", "SubscriptionNotFound"})
_WAITING: Final = ("waiting for the container", 0.6)


class NotNow(Exception):
    """The group is not there any more, or something changes it right now: whoever asks has to look again."""


class ContainerGroups:
    """The groups in `resource_group`, by name. All raise AzureError; what changes a group raises NotNow too."""

    def __init__(self, client: ContainerInstanceManagementClient, resource_group: str) -> None:
        self._client = client
        self._groups = client.container_groups
        self._in = resource_group

    async def look(self, name: str) -> ContainerGroup | None:
        """Return a group with what runs in it; None when there is none."""
        try:
            return await self._groups.get(self._in, name)
        except ResourceNotFoundError as error:
            _raise_if_nowhere(error)
            return None

    async def put(self, name: str, group: ContainerGroup, steps: Steps) -> None:
        """Make a group, or run what is there anew, and wait until Azure has done so."""
        try:
            poller = await self._groups.begin_create_or_update(self._in, name, group)
            steps(*_WAITING)
            await poller.result()
        except HttpResponseError as error:
            raise (NotNow() if is_changing(error) else error) from None

    async def start(self, name: str, steps: Steps) -> None:
        """Run the containers of a group, and wait until Azure has done so."""
        try:
            poller = await self._groups.begin_start(self._in, name)
            steps(*_WAITING)
            await poller.result()
        except HttpResponseError as error:
            raise _not_now(error) from None

    async def stop(self, name: str) -> None:
        """End the containers of a group. They may run for a moment afterwards."""
        try:
            await self._groups.stop(self._in, name)
        except HttpResponseError as error:
            raise _not_now(error) from None

    async def delete(self, name: str) -> None:
        """Remove a group, and wait until Azure has done so."""
        try:
            poller = await self._groups.begin_delete(self._in, name)
            await poller.result()
        except HttpResponseError as error:
            raise _not_now(error) from None

    def pages(self) -> AsyncIterator[AsyncIterator[ContainerGroup]]:
        """Return all groups, a page for each call. What runs in them is left out."""
        # The library says less of what it returns than it returns.
        return cast("AsyncItemPaged[ContainerGroup]", self._groups.list_by_resource_group(self._in)).by_page()

    async def log_lines(self, name: str, tail: int | None) -> Sequence[str] | None:
        """Return the last lines, or all there are, each behind its time, oldest first; None when there is no group."""
        try:
            answer = await self._client.containers.list_logs(self._in, name, CONTAINER, tail=tail, timestamps=True)
        except ResourceNotFoundError as error:
            _raise_if_nowhere(error)
            return None
        # One that is not ended yet comes with the next answer.
        return (answer.content or "").split("\n")[:-1]

    async def open_shell(self, name: str) -> ContainerExecResponse:
        """Return address and password of a terminal with a shell."""
        size = ContainerExecRequestTerminalSize(rows=ROWS, cols=COLUMNS)
        wanted = ContainerExecRequest(command=SHELL, terminal_size=size)
        return await self._client.containers.execute_command(self._in, name, CONTAINER, wanted)

    async def close(self) -> None:
        """Let connections go."""
        await self._client.close()


def _not_now(error: HttpResponseError) -> Exception:
    """Return what to raise in place of `error`."""
    gone = error.status_code == 404 and code_of(error) not in _NOWHERE
    return NotNow() if gone or is_changing(error) else error


def _raise_if_nowhere(error: HttpResponseError) -> None:
    if code_of(error) in _NOWHERE:
        raise error
