"""`try`: runs its steps; if one fails those under `catch`; in every case those under `finally`.

Inside `catch`, `{{error.type}}`, `{{error.message}}` and `{{error.node}}` say what happened. A broken configuration, a
lost browser and a stop are not caught.
"""

from dataclasses import dataclass

from workers.flow.job import Job
from workers.flow.registry import Guard, NodeType


@dataclass(frozen=True)
class Try:
    """`try` has blocks only."""


async def run(arguments: Try, job: Job) -> Guard:  # noqa: ARG001  every node is called alike
    """Ask the engine to watch over the blocks."""
    return Guard()


NODE = NodeType(
    "try",
    Try,
    run,
    describe=lambda _: "",
    blocks={"steps": "body", "catch": "catch", "finally": "finally"},
    one_block_of=("catch", "finally"),
)
