"""Presses a key."""

from dataclasses import dataclass

from workers.flow.arguments import argument
from workers.flow.job import Job
from workers.flow.plain_words import in_plain_words
from workers.flow.registry import Continue, NodeType


@dataclass(frozen=True)
class Press:
    """Arguments of `press`."""

    # A key or a combination as Playwright names them: Enter, Escape, Control+A.
    key: str = argument(main=True, minimum=1, maximum=100)
    # What has the focus is pressed in unless this names an element.
    selector: str | None = argument(default=None, minimum=1)
    timeout: float = argument(default=10.0, minimum=0.1, maximum=3600)


async def run(arguments: Press, job: Job) -> Continue:
    """Press the key, in an element or wherever the focus is."""
    page = await job.page()
    async with in_plain_words(selector=arguments.selector, seconds=arguments.timeout, page=page):
        if arguments.selector is None:
            await page.keyboard.press(arguments.key)
        else:
            await page.locator(arguments.selector).press(arguments.key, timeout=arguments.timeout * 1000)
    return Continue()


def _shown_key(arguments: Press) -> str:
    # One character is typed text; a name of a key is not.
    return arguments.key if len(arguments.key) > 1 else "a character"


def _describe(arguments: Press) -> str:
    key = _shown_key(arguments)
    return f"{key} in {arguments.selector}" if arguments.selector else key


NODE = NodeType(
    "press",
    Press,
    run,
    describe=_describe,
    event=lambda arguments: ("type", {"selector": arguments.selector, "key": _shown_key(arguments)}),
)
