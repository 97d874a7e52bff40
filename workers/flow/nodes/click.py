"""Clicks something."""

from dataclasses import dataclass
from typing import Literal

from workers.flow.arguments import argument
from workers.flow.job import Job
from workers.flow.plain_words import in_plain_words
from workers.flow.registry import Continue, NodeType


@dataclass(frozen=True)
class Click:
    """Arguments of `click`."""

    selector: str = argument(main=True, minimum=1)
    button: Literal["left", "middle", "right"] = argument(default="left")
    count: int = argument(default=1, minimum=1, maximum=3)
    timeout: float = argument(default=10.0, minimum=0.1, maximum=3600)


async def run(arguments: Click, job: Job) -> Continue:
    """Wait until exactly one element matches and can be clicked, then click it."""
    page = await job.page()
    async with in_plain_words(selector=arguments.selector, seconds=arguments.timeout, page=page):
        await page.locator(arguments.selector).click(
            button=arguments.button, click_count=arguments.count, timeout=arguments.timeout * 1000
        )
    return Continue()


NODE = NodeType(
    "click",
    Click,
    run,
    describe=lambda arguments: arguments.selector,
    event=lambda arguments: ("click", {"selector": arguments.selector}),
)
