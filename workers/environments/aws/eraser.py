"""Erases the files of an environment, by a short task that can reach nothing but them."""

from dataclasses import dataclass

from workers.environments.aws import names, task_definition
from workers.environments.aws.account import Account
from workers.environments.aws.settings import Settings
from workers.environments.aws.task_definitions import TaskDefinitions
from workers.environments.aws.tasks import Task, Tasks, ended, exit_code
from workers.environments.provider import ProviderFailed
from workers.environments.retrying import Patience, Said


@dataclass(frozen=True, slots=True)
class Eraser:
    """Runs such tasks."""

    account: Account
    settings: Settings
    definitions: TaskDefinitions
    tasks: Tasks
    patience: Patience

    async def erase(self, environment_id: str, access_point: str) -> None:
        """Erase all files behind an access point.

        Raises:
            ProviderFailed: that failed; nothing is to be removed then, for files without a name would stay.
        """
        definition = task_definition.eraser_definition(environment_id, self.settings, access_point=access_point)
        arn = await self.definitions.ensure(definition)
        family = names.eraser_name(environment_id)
        before = {task["taskArn"] for task in await self._all(family) if ended(task)}
        await self._run(environment_id, arn)

        async def look() -> Task | None:
            ours = [task for task in await self.tasks.of_family(family) if task["taskArn"] not in before]
            return next(filter(ended, ours), None)

        task = await self.patience.wait_for(look, "the files to be erased")
        if exit_code(task) != 0:
            sentence = "the files of the environment could not be erased at AWS"
            raise ProviderFailed(sentence, retryable=True) from Said(str(task.get("stoppedReason", "")))

    async def _all(self, family: str) -> "list[Task]":
        async def look() -> list[Task]:
            return list(await self.tasks.of_family(family))

        return await self.patience.insist(look)

    async def _run(self, environment_id: str, definition: str) -> None:
        family = names.eraser_name(environment_id)

        async def step() -> None:
            if all(map(ended, await self.tasks.of_family(family))):
                await self.account.call(
                    "ecs",
                    "run_task",
                    cluster=self.settings.cluster,
                    taskDefinition=definition,
                    launchType="FARGATE",
                    count=1,
                    networkConfiguration=task_definition.network(self.settings),
                    tags=names.lower_tags(environment_id),
                )

        await self.patience.insist(step)
