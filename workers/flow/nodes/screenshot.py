"""Takes a picture of the page and keeps it as an artifact."""

from dataclasses import dataclass

from workers.flow.arguments import argument
from workers.flow.job import Job
from workers.flow.plain_words import in_plain_words
from workers.flow.registry import Continue, NodeType


@dataclass(frozen=True)
class Screenshot:
    """Arguments of `screenshot`."""

    # File name, without ".png".
    name: str = argument(default="screenshot", main=True, minimum=1, maximum=100)
    # Only this element. None: the page.
    selector: str | None = argument(default=None, minimum=1)
    # The whole length of the page, not only what the window shows.
    full_page: bool = argument(default=False)
    timeout: float = argument(default=10.0, minimum=0.1, maximum=3600)


async def run(arguments: Screenshot, job: Job) -> Continue:
    """Take the picture; a second one of the same name gets a number."""
    page = await job.page()
    path = job.folder.new_artifact(f"{arguments.name.removesuffix('.png')}.png")
    timeout = arguments.timeout * 1000
    async with in_plain_words(selector=arguments.selector, seconds=arguments.timeout, page=page):
        if arguments.selector is None:
            await page.screenshot(path=path, full_page=arguments.full_page, timeout=timeout)
        else:
            await page.locator(arguments.selector).screenshot(path=path, timeout=timeout)
    job.host.artifact("screenshot", path)
    return Continue()


NODE = NodeType(
    "screenshot",
    Screenshot,
    run,
    describe=lambda arguments: arguments.name,
    event=lambda arguments: ("screenshot", {"name": arguments.name}),
)
