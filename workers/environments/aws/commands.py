"""Commands in environments, by ECS Exec: ECS opens a session of the Session Manager, in which we are the terminal.

ECS tells neither an exit code nor the end of the output, so the program of the session is a shell.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from workers.environments.aws.account import Account, Answer
from workers.environments.aws.data_channel import DataChannel
from workers.environments.aws.names import CONTAINER
from workers.environments.aws.settings import Settings
from workers.environments.aws.tasks import Task, Tasks, takes_commands
from workers.environments.provider import WORKSPACE, NotThere, Output, ProviderFailed
from workers.environments.retrying import Patience
from workers.environments.typed_command import SHELL

# ECS says so while the agent starts, and for ever when it cannot reach the Session Manager.
_NOT_CONNECTED: Final = frozenset({"TargetNotConnectedException", "InvalidParameterException"})
_CONNECT_SECONDS: Final = 60.0
_AGENT: Final = "the agent that runs commands, whose ENVIRONMENTS_AWS_TASK_ROLE may lack the rights of ssmmessages,"
# Looks at a task that pass while nothing is heard of its command.
_QUIET_LOOKS: Final = 10


@dataclass(frozen=True, slots=True)
class Commands:
    """Runs them."""

    account: Account
    settings: Settings
    tasks: Tasks
    patience: Patience
    begin_seconds: float

    async def run(self, environment_id: str, arguments: Sequence[str], output: Output) -> int | None:
        """Run a command and return its exit code; None when the environment ended before it.

        Raises:
            NotThere: the environment does not run.
            ProviderFailed: it was never run, or what became of it is not known.
        """
        task = await self._task(environment_id)
        session = (await self._open(task))["session"]

        async def still_there() -> bool:
            return await self._runs(task)

        channel = DataChannel(
            session["streamUrl"],
            session["tokenValue"],
            begin_seconds=self.begin_seconds,
            quiet_seconds=self.patience.pauses.look * _QUIET_LOOKS,
            still_there=still_there,
        )
        return await channel.run(f"exec {shlex.join(arguments)}", output, folder=WORKSPACE)

    async def _task(self, environment_id: str) -> Task:
        async def look() -> Sequence[Task]:
            return await self.tasks.running(environment_id)

        running = await self.patience.insist(look)
        if not running:
            raise NotThere("the environment does not run at AWS")
        if not takes_commands(running[0]):
            raise ProviderFailed(self._how_to_take_commands(), kind="ProviderRefused")
        return running[0]

    def _how_to_take_commands(self) -> str:
        remedy = "stop and start it"
        if self.settings.task_role is None:
            remedy = f"set ENVIRONMENTS_AWS_TASK_ROLE at the workers, then {remedy}"
        return f"commands cannot be run in this environment, as it was started without a role for them at AWS: {remedy}"

    async def _open(self, task: Task) -> Answer:
        async def look() -> Answer | None:
            return await self.account.find(
                "ecs",
                "execute_command",
                _NOT_CONNECTED,
                cluster=self.settings.cluster,
                task=task["taskArn"],
                container=CONTAINER,
                command=SHELL,
                interactive=True,
            )

        pauses = self.patience.pauses
        soon = replace(self.patience, pauses=replace(pauses, patience=min(pauses.patience, _CONNECT_SECONDS)))
        return await soon.wait_for(look, _AGENT)

    async def _runs(self, task: Task) -> bool:
        async def look() -> bool:
            return await self.tasks.runs(task["taskArn"])

        try:
            return await self.patience.insist(look)
        except ProviderFailed:
            # That AWS does not answer says nothing about the task.
            return True
