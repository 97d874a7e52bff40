"""Opens an address."""

from dataclasses import dataclass

from workers.flow.arguments import argument
from workers.flow.job import Job
from workers.flow.page_opening import check_before, open_page
from workers.flow.page_watch import shown
from workers.flow.registry import Continue, NodeType


@dataclass(frozen=True)
class Goto:
    """Arguments of `goto`."""

    url: str = argument(main=True, minimum=1, maximum=8192)
    timeout: float = argument(default=30.0, minimum=0.1, maximum=3600)


async def run(arguments: Goto, job: Job) -> Continue:
    """Open the address and wait until the page is loaded. An answer of 400 or above fails the step."""
    await check_before(job.host, arguments.url)
    await open_page(job.host, job.browser, await job.page(), arguments.url, seconds=arguments.timeout)
    return Continue()


NODE = NodeType("goto", Goto, run, describe=lambda arguments: shown(arguments.url))
