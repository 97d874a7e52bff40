"""`if`: runs its steps when a condition holds, and those under `else` when not."""

from dataclasses import dataclass

from workers.flow import condition
from workers.flow.arguments import argument
from workers.flow.condition import Condition, Sight
from workers.flow.job import Job
from workers.flow.plain_words import in_plain_words
from workers.flow.registry import Continue, NodeType


@dataclass(frozen=True)
class If:
    """Arguments of `if`: one condition, see `condition.py`."""

    condition: Condition = argument(fold=True)  # noqa: RUF009  it only declares


async def run(arguments: If, job: Job) -> Continue:
    """Look at the condition once, without waiting, and leave by "true" or "false"."""

    async def look(sight: Sight, selector: str) -> bool:
        located = (await job.page()).locator(selector).first
        async with in_plain_words(selector=selector, seconds=0):
            return await located.is_visible() if sight == "visible" else await located.count() > 0

    return Continue("true" if await condition.evaluate(arguments.condition, look) else "false")


NODE = NodeType("if", If, run, describe=lambda _: "", blocks={"steps": "true", "else": "false"}, blocks_return=False)
