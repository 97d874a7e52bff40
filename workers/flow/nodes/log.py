"""Writes a line into the run's log."""

from dataclasses import dataclass
from typing import Literal

from workers.flow.arguments import argument
from workers.flow.job import Job
from workers.flow.registry import Continue, NodeType
from workers.flow.template import as_text


@dataclass(frozen=True)
class Log:
    """Arguments of `log`."""

    # Anything; a list or a map is written as JSON.
    message: object = argument(main=True)
    level: Literal["debug", "info", "warning", "error"] = argument(default="info")


async def run(arguments: Log, job: Job) -> Continue:
    """Write the line."""
    job.host.log(arguments.level, as_text(arguments.message))
    return Continue()


# Its message is the one line of this step.
NODE = NodeType("log", Log, run)
