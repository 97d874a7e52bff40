"""What environments have printed since they were started: the second serial port of their machine.

Google keeps the last MB of it. What was printed between two looks beyond that is lost, and lines that the machine
printed before it was stopped are gone.
Source: https://cloud.google.com/compute/docs/reference/rest/v1/instances/getSerialPortOutput
"""

import asyncio
from dataclasses import dataclass
from typing import Any

from workers.environments.gcp import names
from workers.environments.gcp.project import NOT_FOUND, Project
from workers.environments.gcp.startup_script import LOG_PORT
from workers.environments.provider import NotThere, Output
from workers.environments.retrying import Patience


@dataclass(frozen=True, slots=True)
class Logs:
    """Reads them."""

    project: Project
    patience: Patience

    async def read(self, environment_id: str, zone: str, output: Output, *, tail: int, follow: bool) -> None:
        """Hand over the last `tail` lines, and with `follow` those that come.

        Raises:
            NotThere: it has no machine.
        """
        start, text = await self._after(environment_id, zone, 0)
        *lines, rest = text.split("\n")
        if rest and not follow:  # its end has not been printed yet, and is not waited for
            lines.append(rest)
        for line in lines[max(0, len(lines) - tail) :]:
            output(line.rstrip("\r"))
        while follow:
            await asyncio.sleep(self.patience.pauses.look)
            start, text = await self._after(environment_id, zone, start)
            *lines, rest = (rest + text).split("\n")
            for line in lines:
                output(line.rstrip("\r"))

    async def _after(self, environment_id: str, zone: str, start: int) -> tuple[int, str]:
        async def step() -> Any | None:
            return await self.project.compute(
                "InstancesClient",
                "get_serial_port_output",
                {NOT_FOUND},
                zone=zone,
                instance=names.machine_name(environment_id),
                port=LOG_PORT,
                start=start,
            )

        answer = await self.patience.insist(step)
        if answer is None:
            raise NotThere("the environment has no machine at Google Cloud")
        return int(answer.next_), str(answer.contents)
