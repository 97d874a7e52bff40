"""The operations at AWS, each a row of steps that can be done again."""

from collections.abc import AsyncIterator, Sequence

from switchyard.environments.v1.provisioning_service_pb2 import FoundEnvironment
from workers.environments.aws import names
from workers.environments.aws.account import ANSWER_SECONDS, Account
from workers.environments.aws.commands import Commands
from workers.environments.aws.data_channel import BEGIN_SECONDS
from workers.environments.aws.eraser import Eraser
from workers.environments.aws.logs import Logs
from workers.environments.aws.secret import Secrets
from workers.environments.aws.service import Running, Service, Services, detail, standing
from workers.environments.aws.settings import Settings
from workers.environments.aws.storage import Storage
from workers.environments.aws.task_definition import environment_definition
from workers.environments.aws.task_definitions import TaskDefinitions
from workers.environments.aws.tasks import Tasks
from workers.environments.provider import (
    IDE_PORT,
    SSH_PORT,
    Made,
    OpenPort,
    Output,
    Plan,
    ProviderFailed,
    Steps,
)
from workers.environments.retrying import Patience, Pauses


class AwsProvider:
    """Environments in one region of one account."""

    def __init__(
        self,
        settings: Settings,
        pauses: Pauses | None = None,
        *,
        answer_seconds: float = ANSWER_SECONDS,
        begin_seconds: float = BEGIN_SECONDS,
    ) -> None:
        patience = Patience("AWS", pauses or Pauses())
        self._settings = settings
        self._account = Account(settings, patience, answer_seconds=answer_seconds)
        self._storage = Storage(self._account, settings, patience)
        self._secrets = Secrets(self._account, patience)
        self._definitions = TaskDefinitions(self._account, patience)
        self._tasks = Tasks(self._account, settings)
        self._services = Services(self._account, settings, self._tasks, patience)
        self._eraser = Eraser(self._account, settings, self._definitions, self._tasks, patience)
        self._logs = Logs(self._account, settings, patience)
        self._commands = Commands(self._account, settings, self._tasks, patience, begin_seconds)

    async def create(self, plan: Plan, steps: Steps) -> Made:
        """Make what is missing and run it."""
        if plan.region != self._settings.region:
            sentence = f"environments at AWS are made in {self._settings.region}, and not in {plan.region}"
            raise ProviderFailed(sentence, kind="ProviderRefused")
        steps("creating the storage", 0.1)
        access_point = await self._storage.ensure(plan.environment_id)
        steps("writing the secrets", 0.3)
        secret = await self._secrets.write(plan.environment_id, plan.secrets)
        steps("creating the service", 0.4)
        definition = await self._definitions.ensure(
            environment_definition(plan, self._settings, access_point=access_point, secret=secret)
        )
        await self._services.ensure(plan.environment_id, definition)
        steps("waiting for the editor", 0.6)
        running = await self._services.run(plan.environment_id, definition)
        return _made(plan, running, access_point)

    async def start(self, plan: Plan, steps: Steps) -> Made:
        """Run it again; what is missing is made."""
        return await self.create(plan, steps)

    async def stop(self, environment_id: str, region: str, steps: Steps) -> None:  # noqa: ARG002
        """End its task; the files and the secrets stay."""
        steps("ending the task", 0.2)
        await self._services.stop(environment_id)

    async def delete(self, environment_id: str, region: str, steps: Steps) -> None:  # noqa: ARG002
        """Remove everything, the access point last: as long as it is there, the environment is found."""
        steps("removing the service", 0.1)
        await self._services.remove(environment_id)
        steps("erasing the files", 0.4)
        access_points = await self._storage.find(environment_id)
        if await self._definitions.any_of(names.service_name(environment_id)):
            for access_point in access_points:
                await self._eraser.erase(environment_id, access_point)
        steps("removing the rest", 0.8)
        for family in (names.service_name(environment_id), names.eraser_name(environment_id)):
            await self._definitions.remove(family)
        await self._secrets.remove(environment_id)
        await self._logs.remove(environment_id)
        for access_point in access_points:
            await self._storage.remove(access_point)

    async def describe(self, environment_id: str, region: str) -> FoundEnvironment | None:  # noqa: ARG002
        """Return how it fares; None when nothing of it is there."""
        service = await self._services.find(environment_id)
        stored = bool(await self._storage.find(environment_id))
        secret = await self._secrets.there(environment_id)
        if service is None and not stored and not secret:
            return None
        return _found(environment_id, service, stored=stored, secret=secret)

    async def logs(self, environment_id: str, region: str, output: Output, *, tail: int, follow: bool) -> None:  # noqa: ARG002
        """Hand over the last lines, and with `follow` those that come."""
        await self._logs.read(environment_id, output, tail=tail, follow=follow)

    async def exec(self, environment_id: str, region: str, arguments: Sequence[str], output: Output) -> int | None:  # noqa: ARG002
        """Run a command in its container, which needs a shell and base64. There is nothing to read for the command."""
        return await self._commands.run(environment_id, arguments, output)

    async def found(self) -> AsyncIterator[Sequence[FoundEnvironment]]:
        """Return all environments, a page for each list of access points, then what has none."""
        services = {names.tag_of(s): s async for page in self._services.pages() for s in page}
        secrets = {tag async for page in self._secrets.pages() for tag in page}
        seen: set[str] = set()
        async for page in self._storage.pages():
            new = [tag for tag in dict.fromkeys(page) if tag not in seen]
            seen.update(new)
            yield [_found(tag, services.get(tag), stored=True, secret=tag in secrets) for tag in new]
        rest = sorted((services.keys() | secrets) - seen)
        yield [_found(tag, services.get(tag), stored=False, secret=tag in secrets) for tag in rest]

    async def close(self) -> None:
        """Let the connections go."""
        await self._account.close()


def _made(plan: Plan, running: Running, access_point: str) -> Made:
    address = running.address
    url = f"https://{address}:{IDE_PORT}"
    given = [OpenPort(name, port) for name, port in plan.ports.items() if port not in (IDE_PORT, SSH_PORT)]
    return Made(
        resource_id=running.service,
        ide_url=url,
        ports=[OpenPort("ide", IDE_PORT, url), OpenPort("ssh", SSH_PORT), *given],
        public_ip=address,
        storage_name=access_point,
    )


def _found(environment_id: str, service: Service | None, *, stored: bool, secret: bool) -> FoundEnvironment:
    resources = [
        *([f"service {names.service_name(environment_id)}"] if service is not None else []),
        *([f"access point of {names.folder(environment_id)}"] if stored else []),
        *([f"secret {names.secret_name(environment_id)}"] if secret else []),
    ]
    return FoundEnvironment(
        environment_id=environment_id, standing=standing(service), resources=resources, detail=detail(service)
    )
