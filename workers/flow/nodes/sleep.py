"""Waits a number of seconds."""

import asyncio
from dataclasses import dataclass

from workers.flow.arguments import argument
from workers.flow.job import Job
from workers.flow.registry import Continue, NodeType


@dataclass(frozen=True)
class Sleep:
    """Arguments of `sleep`."""

    seconds: float = argument(main=True, minimum=0, maximum=86_400)


async def run(arguments: Sleep, job: Job) -> Continue:  # noqa: ARG001  every node is called alike
    """Wait. A stop of the run ends it at once."""
    await asyncio.sleep(arguments.seconds)
    return Continue()


NODE = NodeType("sleep", Sleep, run, describe=lambda arguments: f"{arguments.seconds:g} s")
