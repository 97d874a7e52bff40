"""The operations at Google Cloud, each a row of steps that can be done again."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from switchyard.environments.v1.provisioning_service_pb2 import FoundEnvironment
from workers.environments.gcp import disk, machine, names
from workers.environments.gcp.admission import Admission
from workers.environments.gcp.commands import Commands
from workers.environments.gcp.disk import Disks
from workers.environments.gcp.logs import Logs
from workers.environments.gcp.machine import Machines, Running, standing
from workers.environments.gcp.operations import Operations
from workers.environments.gcp.project import ANSWER_SECONDS, Project
from workers.environments.gcp.secret import Secrets
from workers.environments.gcp.settings import Settings, Waits
from workers.environments.provider import (
    ENVIRONMENT_TAG,
    IDE_PORT,
    SSH_PORT,
    Made,
    OpenPort,
    Output,
    Plan,
    Steps,
)
from workers.environments.retrying import Patience, Pauses


class GcpProvider:
    """Environments in one project."""

    def __init__(
        self,
        settings: Settings,
        pauses: Pauses | None = None,
        waits: Waits | None = None,
        *,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._settings = settings
        self._patience = Patience("Google Cloud", pauses or Pauses())
        self._project = Project(settings, self._patience, answer_seconds=answer_seconds)
        operations = Operations(self._project, self._patience)
        self._disks = Disks(self._project, operations, self._patience)
        self._secrets = Secrets(self._project, self._patience)
        self._machines = Machines(self._project, settings, operations, self._patience)
        self._logs = Logs(self._project, self._patience)
        admission = Admission(self._project, self._machines, operations, self._patience)
        self._commands = Commands(settings, admission, self._patience.pauses, waits or Waits())

    async def create(self, plan: Plan, steps: Steps) -> Made:
        """Make what is missing and run it."""
        steps("creating the disk", 0.1)
        await self._disks.ensure(plan.environment_id, self._settings.zone_of(plan.region), plan.storage_gb)
        steps("writing the secrets", 0.3)
        await self._secrets.write(plan.environment_id, plan.secrets)
        steps("starting the machine", 0.4)
        return _made(plan, await self._machines.run(plan))

    async def start(self, plan: Plan, steps: Steps) -> Made:
        """Run it again; what is missing is made."""
        return await self.create(plan, steps)

    async def stop(self, environment_id: str, region: str, steps: Steps) -> None:
        """Stop the machine, which costs nothing then but its disks."""
        steps("stopping the machine", 0.2)
        await self._machines.stop(environment_id, self._settings.zone_of(region))

    async def delete(self, environment_id: str, region: str, steps: Steps) -> None:
        """Remove everything, the disk last: as long as it is there, the environment is found."""
        zone = self._settings.zone_of(region)
        steps("removing the machine", 0.1)
        await self._machines.remove(environment_id, zone)
        steps("removing the secrets", 0.6)
        await self._secrets.remove(environment_id)
        steps("removing the disk", 0.7)
        await self._disks.remove(environment_id, zone)

    async def describe(self, environment_id: str, region: str) -> FoundEnvironment | None:
        """Return how it fares; None when nothing of it is there."""
        zone = self._settings.zone_of(region)
        there = await self._patience.insist(lambda: self._machines.find(environment_id, zone))
        files = await self._patience.insist(lambda: self._disks.find(environment_id, zone))
        secret = await self._secrets.there(environment_id)
        if there is None and files is None and not secret:
            return None
        return _found(environment_id, there, files, secret=secret)

    async def logs(self, environment_id: str, region: str, output: Output, *, tail: int, follow: bool) -> None:
        """Hand over the last lines, and with `follow` those that come."""
        zone = self._settings.zone_of(region)
        await self._logs.read(environment_id, zone, output, tail=tail, follow=follow)

    async def exec(self, environment_id: str, region: str, arguments: Sequence[str], output: Output) -> int | None:
        """Run a command in its container, over SSH to its machine. There is nothing to read for the command."""
        return await self._commands.run(environment_id, self._settings.zone_of(region), arguments, output)

    async def found(self) -> AsyncIterator[Sequence[FoundEnvironment]]:
        """Return all environments, a page for each list of disks, then what has none."""
        there = {tag: one async for tag, one in self._labelled(machine.CLIENT, "instances")}
        secrets = {tag async for page in self._secrets.pages() for tag in page}
        seen: set[str] = set()
        async for page in self._project.compute_pages(disk.CLIENT, ENVIRONMENT_TAG):
            disks = {tag: one for tag, one in _items(page, "disks") if one.name == names.disk_name(tag)}
            seen.update(disks)
            yield [_found(tag, there.get(tag), one, secret=tag in secrets) for tag, one in disks.items()]
        rest = sorted((there.keys() | secrets) - seen)
        yield [_found(tag, there.get(tag), None, secret=tag in secrets) for tag in rest]

    async def close(self) -> None:
        """Let the connections go."""
        await self._project.close()

    async def _labelled(self, client: str, kind: str) -> AsyncIterator[tuple[str, Any]]:
        async for page in self._project.compute_pages(client, ENVIRONMENT_TAG):
            for tag, one in _items(page, kind):
                yield tag, one


def _items(page: Any, kind: str) -> list[tuple[str, Any]]:
    zones: Mapping[str, Any] = page.items
    return [(one.labels[ENVIRONMENT_TAG], one) for zone in zones.values() for one in getattr(zone, kind)]


def _made(plan: Plan, running: Running) -> Made:
    url = f"https://{running.address}:{IDE_PORT}"
    given = [OpenPort(name, port) for name, port in plan.ports.items() if port not in (IDE_PORT, SSH_PORT)]
    return Made(
        resource_id=running.resource,
        ide_url=url,
        ports=[OpenPort("ide", IDE_PORT, url), OpenPort("ssh", SSH_PORT), *given],
        public_ip=running.address,
        storage_name=names.disk_name(plan.environment_id),
    )


def _found(environment_id: str, there: Any | None, files: Any | None, *, secret: bool) -> FoundEnvironment:
    resources = [
        *([f"machine {names.machine_name(environment_id)}"] if there is not None else []),
        *([f"disk {names.disk_name(environment_id)}"] if files is not None else []),
        *([f"secret {names.secret_name(environment_id)}"] if secret else []),
    ]
    detail = "no machine" if there is None else str(there.status)
    return FoundEnvironment(
        environment_id=environment_id,
        standing=standing(there),
        resources=resources,
        detail=detail,
        region=_region(there or files),
    )


def _region(one: Any | None) -> str:
    """Return the region of a machine or a disk, which names its zone; empty where there is neither."""
    zone: str = "" if one is None else one.zone.rpartition("/")[2]
    return zone.rpartition("-")[0]
