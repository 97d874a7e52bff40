"""Chooses in a drop-down list."""

from dataclasses import dataclass

from workers.flow.arguments import argument
from workers.flow.job import Job
from workers.flow.plain_words import in_plain_words
from workers.flow.registry import Continue, NodeType


@dataclass(frozen=True)
class Select:
    """Arguments of `select`."""

    selector: str = argument(minimum=1)
    # Options by their `value`, or by what people read. Several where the list allows it.
    value: tuple[str, ...] | None = argument(default=None)
    label: tuple[str, ...] | None = argument(default=None)
    timeout: float = argument(default=10.0, minimum=0.1, maximum=3600)


async def run(arguments: Select, job: Job) -> Continue:
    """Choose exactly these options."""
    page = await job.page()
    async with in_plain_words(selector=arguments.selector, seconds=arguments.timeout, page=page):
        await page.locator(arguments.selector).select_option(
            value=arguments.value, label=arguments.label, timeout=arguments.timeout * 1000
        )
    return Continue()


NODE = NodeType("select", Select, run, describe=lambda arguments: arguments.selector, one_of=("value", "label"))
