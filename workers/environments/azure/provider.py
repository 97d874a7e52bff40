"""Azure as a provider of environments: looks at what is there, and does what is missing, until nothing is."""

import asyncio
import shlex
from collections.abc import AsyncIterator, Awaitable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Final

import structlog
from azure.core.exceptions import AzureError
from azure.mgmt.containerinstance.models import ContainerGroup

from switchyard.environments.v1.provisioning_service_pb2 import FoundEnvironment
from workers.environments.azure import clients, shell_session
from workers.environments.azure.container_group import (
    CHANGING,
    FAILED,
    RUNNING,
    STOPPED,
    address_of,
    detail_of,
    environment_of,
    group_of,
    is_as_planned,
    is_told_by_list,
    made,
    share_name,
    standing_of,
)
from workers.environments.azure.container_groups import ContainerGroups, NotNow
from workers.environments.azure.errors import told
from workers.environments.azure.file_shares import FileShares
from workers.environments.azure.log_position import LogPosition, text_of
from workers.environments.azure.settings import AzureSettings
from workers.environments.provider import WORKSPACE, Made, NotThere, Output, Plan, ProviderFailed, Steps

log: Final = structlog.get_logger(__name__)

# An environment that ends as soon as it runs is run so often before it counts as failed.
_PUSHES: Final = 3
# What a log that is followed is asked for at each look. When that does not reach back far enough, all is.
_FOLLOWED_LINES: Final = 1_000


class AzureProvider:
    """Implements `workers.environments.provider.Provider` over one resource group and one storage account."""

    def __init__(self, settings: AzureSettings) -> None:
        self._settings = settings
        self._pace = settings.pace
        self._who = clients.credential(settings)
        self._groups = ContainerGroups(clients.container_client(settings, self._who), settings.resource_group)
        self._key = settings.storage_key
        self._shares: FileShares | None = None
        self._asking_for_key = asyncio.Lock()

    async def create(self, plan: Plan, steps: Steps) -> Made:
        """Make what is missing and run it; also start it again."""
        return await self._bring_up("create the environment", plan, steps)

    async def start(self, plan: Plan, steps: Steps) -> Made:
        """Run an environment whose files are there; what is missing is made."""
        return await self._bring_up("start the environment", plan, steps)

    async def stop(self, environment_id: str, region: str, steps: Steps) -> None:  # noqa: ARG002 - known by name
        """End what runs, and return when nothing does; the files stay."""
        asked = False
        async with self._operation("stop the environment", environment_id):
            steps("stopping the container group", 0.2)
            while (group := await self._groups.look(environment_id)) is not None:
                standing = standing_of(group)
                if standing == STOPPED or (asked and standing == FAILED):
                    return
                asked = asked or await _taken(self._groups.stop(environment_id))
                await self._pause()

    async def delete(self, environment_id: str, region: str, steps: Steps) -> None:  # noqa: ARG002 - known by name
        """Remove the container group, then the file share that it had mounted."""
        async with self._operation("delete the environment", environment_id):
            steps("deleting the container group", 0.1)
            while await self._groups.look(environment_id) is not None:
                if not await _taken(self._groups.delete(environment_id)):
                    await self._pause()
            steps("deleting the file share", 0.7)
            await (await self._file_shares()).remove(environment_id)

    async def describe(self, environment_id: str, region: str) -> FoundEnvironment | None:  # noqa: ARG002 - by name
        """Return how it fares; None when nothing of it is there."""
        async with self._operation("look at the environment", environment_id):
            group = await self._groups.look(environment_id)
            has_share = await (await self._file_shares()).is_there(environment_id)
        shares = [share_name(environment_id)] if has_share else []
        if group is not None:
            return _found_group(environment_id, group, shares)
        return _found_share(environment_id, shares[0]) if shares else None

    async def logs(
        self,
        environment_id: str,
        region: str,  # noqa: ARG002 - known by name
        output: Output,
        *,
        tail: int,
        follow: bool,
    ) -> None:
        """Hand over what its container has printed. What a follower may miss, `LogPosition` says.

        Raises:
            NotThere: there is no container group.
        """
        with told("read the log of the environment", environment_id):
            stamped = await self._groups.log_lines(environment_id, max(tail, 1))
            if stamped is None:
                raise NotThere("The environment is not there")
            _hand_over(stamped[max(len(stamped) - tail, 0) :], output)
            if follow:
                await self._follow(environment_id, LogPosition(stamped), output)

    async def exec(
        self,
        environment_id: str,
        region: str,  # noqa: ARG002 - known by name
        arguments: Sequence[str],
        output: Output,
    ) -> int | None:
        """Run a command in its container, which needs a shell and base64. There is nothing to read for the command.

        Raises:
            NotThere: it does not run.
        """
        with told("run the command", environment_id):
            group = await self._groups.look(environment_id)
            if group is None or standing_of(group) != RUNNING:
                raise NotThere("The environment does not run")
            try:
                return await self._run(environment_id, f"exec {shlex.join(arguments)}", output)
            except shell_session.NoShell as refusal:
                log.warning("no shell in an environment", environment_id=environment_id, why=repr(refusal.__cause__))
                raise ProviderFailed("failed to run the command: the environment opens no shell") from None

    async def found(self) -> AsyncIterator[Sequence[FoundEnvironment]]:
        """Return all environments of ours: a page for each list of container groups, then shares without one.

        One call for each page, and no other. A list leaves out what runs in a group, and has no parameter to ask for it
        as lists of virtual machines do (https://github.com/Azure/azure-rest-api-specs/issues/21280), so a group that
        nothing changes comes without a standing. Azure Resource Graph would answer for all of them at once, but hears
        of resources that are written, not of a start, a stop, or a container that ends by itself. What remains is one
        look at each group whose standing decides something, by `describe`: those that are to run and whose supervisor
        is silent, and those that are not to run.
        """
        with told("list the environments", ""):
            shares = {key: name async for page in (await self._file_shares()).pages() for key, name in page.items()}
            async for page in self._groups.pages():
                listed = {environment_of(group): group async for group in page if environment_of(group)}
                own = {environment_id: shares.pop(environment_id, "") for environment_id in listed}
                yield [_listed_group(key, group, [own[key]] if own[key] else []) for key, group in listed.items()]
        yield [_found_share(environment_id, name) for environment_id, name in shares.items()]

    async def close(self) -> None:
        """Let connections go."""
        await self._groups.close()
        if self._shares is not None:
            await self._shares.close()
        await self._who.close()

    async def _bring_up(self, doing: str, plan: Plan, steps: Steps) -> Made:
        async with self._operation(doing, plan.environment_id, hidden=plan.secrets.values()):
            steps("creating the file share", 0.05)
            await (await self._file_shares()).keep(plan.environment_id, plan.storage_gb)
            group = await self._running(plan, steps)
            if plan.startup_script:
                steps("running the startup script", 0.9)
                await self._run_startup_script(plan)
        return made(group, plan)

    async def _running(self, plan: Plan, steps: Steps) -> ContainerGroup:
        """Return the container group once it runs; what stands in the way is done one after the other."""
        pushes = 0
        while True:
            group = await self._groups.look(plan.environment_id)
            standing = None if group is None else standing_of(group)
            if group is not None and standing == RUNNING and address_of(group):
                return group
            if standing not in (RUNNING, CHANGING):
                if pushes == _PUSHES or (pushes and standing == FAILED):
                    raise _does_not_run(plan.environment_id, group)
                if await self._pushed(plan, group, steps):
                    pushes += 1
                    continue
            await self._pause()

    async def _pushed(self, plan: Plan, group: ContainerGroup | None, steps: Steps) -> bool:
        """Start the group that is there, or make it anew; return False when Azure does not take that now."""
        key = await self._storage_key()
        if group is not None and standing_of(group) == STOPPED and is_as_planned(group, plan, key):
            steps("starting the container group", 0.3)
            return await _taken(self._groups.start(plan.environment_id, steps))
        # A group that is stopped takes other secrets only when it is deployed as a new one.
        # Source: https://learn.microsoft.com/azure/container-instances/container-instances-update#limitations
        steps("creating the container group", 0.3)
        wanted = group_of(plan, self._settings.storage_account, key)
        return await _taken(self._groups.put(plan.environment_id, wanted, steps))

    async def _follow(self, environment_id: str, position: LogPosition, output: Output) -> None:
        """Hand over what is printed from now on, until the container is gone or somebody breaks this off."""
        while True:
            await asyncio.sleep(self._pace.log_seconds)
            stamped = await self._groups.log_lines(environment_id, _FOLLOWED_LINES)
            if stamped is not None and not position.is_in(stamped):
                stamped = await self._groups.log_lines(environment_id, None)
            if stamped is None:
                return
            _hand_over(position.new_lines(stamped), output)

    async def _run_startup_script(self, plan: Plan) -> None:
        """Run it in the container, whose log takes what it prints. Its failure stops nothing."""
        script = shell_session.once_per_container(plan.startup_script)
        try:
            async with asyncio.timeout(self._pace.script_seconds):
                await self._run(plan.environment_id, script, _drop, into=shell_session.CONTAINER_LOG)
        except (shell_session.NoShell, TimeoutError, AzureError) as error:
            log.warning(
                "a startup script did not end", environment_id=plan.environment_id, error_type=type(error).__name__
            )

    async def _run(self, environment_id: str, script: str, output: Output, *, into: str = "") -> int | None:
        shell = await self._groups.open_shell(environment_id)
        address, password = shell.web_socket_uri or "", shell.password or ""
        return await shell_session.run(address, password, script, output, folder=WORKSPACE, into=into)

    async def _file_shares(self) -> FileShares:
        key = await self._storage_key()
        if self._shares is None:
            self._shares = FileShares(clients.share_client(self._settings, key), self._pace.look_seconds)
        return self._shares

    async def _storage_key(self) -> str:
        async with self._asking_for_key:
            if self._key is None:
                self._key = await clients.storage_key(self._settings, self._who)
        return self._key

    @asynccontextmanager
    async def _operation(self, doing: str, environment_id: str, hidden: Collection[str] = ()) -> AsyncIterator[None]:
        """Bound the time of what is done, and translate what Azure raises."""
        try:
            async with asyncio.timeout(self._pace.operation_seconds):
                with told(doing, environment_id, lambda: [*hidden, self._key or ""]):
                    yield
        except TimeoutError:
            message = f"failed to {doing}: Azure takes too long"
            raise ProviderFailed(message, kind="ProviderBusy", retryable=True) from None

    async def _pause(self) -> None:
        await asyncio.sleep(self._pace.look_seconds)


async def _taken(change: Awaitable[None]) -> bool:
    """Return whether Azure has taken a change of a group. What came of it is to be looked at."""
    try:
        await change
    except NotNow:
        return False
    return True


def _does_not_run(environment_id: str, group: ContainerGroup | None) -> ProviderFailed:
    standing = "" if group is None else detail_of(group)
    log.warning("azure does not run an environment", environment_id=environment_id, standing=standing)
    return ProviderFailed("The environment ended as soon as it was started, or its image cannot be run")


def _found_group(environment_id: str, group: ContainerGroup, shares: Sequence[str]) -> FoundEnvironment:
    return FoundEnvironment(
        environment_id=environment_id,
        standing=standing_of(group),
        resources=[group.id or "", *shares],
        detail=detail_of(group),
    )


def _listed_group(environment_id: str, group: ContainerGroup, shares: Sequence[str]) -> FoundEnvironment:
    found = _found_group(environment_id, group, shares)
    if not is_told_by_list(group):
        found.standing = FoundEnvironment.STANDING_UNSPECIFIED
    return found


def _found_share(environment_id: str, share: str) -> FoundEnvironment:
    return FoundEnvironment(
        environment_id=environment_id, standing=STOPPED, resources=[share], detail="file share without container group"
    )


def _hand_over(stamped: Sequence[str], output: Output) -> None:
    for line in stamped:
        output(text_of(line))


def _drop(line: str) -> None:
    """Take a line that stands in the log of the container."""
