"""Types into a field."""

from dataclasses import dataclass

from workers.flow.arguments import argument
from workers.flow.job import Job
from workers.flow.plain_words import in_plain_words
from workers.flow.registry import Continue, NodeType


@dataclass(frozen=True)
class Fill:
    """Arguments of `fill`."""

    selector: str = argument(minimum=1)
    text: str = argument()
    timeout: float = argument(default=10.0, minimum=0.1, maximum=3600)


async def run(arguments: Fill, job: Job) -> Continue:
    """Replace what the field holds by the text."""
    page = await job.page()
    async with in_plain_words(selector=arguments.selector, seconds=arguments.timeout, page=page):
        await page.locator(arguments.selector).fill(arguments.text, timeout=arguments.timeout * 1000)
    return Continue()


# The text may be a password: only its length is told.
NODE = NodeType(
    "fill",
    Fill,
    run,
    describe=lambda arguments: f"{arguments.selector} ({len(arguments.text)} characters)",
    event=lambda arguments: ("type", {"selector": arguments.selector, "characters": len(arguments.text)}),
)
