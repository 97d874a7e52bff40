"""Waits for something on the page, or for an address."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from workers.flow.arguments import argument
from workers.flow.job import Job
from workers.flow.plain_words import in_plain_words
from workers.flow.registry import Continue, NodeType

if TYPE_CHECKING:
    from playwright.async_api import Page


@dataclass(frozen=True)
class WaitFor:
    """Arguments of `wait_for`."""

    selector: str | None = argument(default=None, main=True, minimum=1)
    # An address, `*` standing for any characters but `/` and `**` for any at all.
    url: str | None = argument(default=None, minimum=1)
    state: Literal["visible", "hidden", "attached", "detached"] = argument(default="visible")
    timeout: float = argument(default=10.0, minimum=0.1, maximum=3600)


async def run(arguments: WaitFor, job: Job) -> Continue:
    """Wait until the first match is in the state, or the page is at the address."""

    async def wait(page: "Page") -> None:
        timeout = arguments.timeout * 1000
        if arguments.selector is not None:
            await page.locator(arguments.selector).first.wait_for(state=arguments.state, timeout=timeout)
        if arguments.url is not None:
            await page.wait_for_url(arguments.url, timeout=timeout)

    async with in_plain_words(selector=arguments.selector, seconds=arguments.timeout):
        await job.browser.wait_on_newest(wait)
    return Continue()


NODE = NodeType(
    "wait_for",
    WaitFor,
    run,
    describe=lambda arguments: arguments.selector or arguments.url or "",
    one_of=("selector", "url"),
)
