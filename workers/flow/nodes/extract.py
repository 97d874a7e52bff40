"""Reads something off the page into a variable."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from workers.flow.arguments import argument
from workers.flow.errors import StepFailed
from workers.flow.job import Job
from workers.flow.plain_words import in_plain_words
from workers.flow.registry import Continue, NodeType

if TYPE_CHECKING:
    from playwright.async_api import Locator

# What one step reads: more is no value any more but a document.
TEXT_LIMIT = 100_000


@dataclass(frozen=True)
class Extract:
    """Arguments of `extract`."""

    selector: str = argument(minimum=1)
    # Name of the variable.
    into: str = argument(minimum=1, maximum=100)
    # What people read, what a field holds, or how many elements match.
    read: Literal["text", "value", "count"] = argument(default="text")
    # This attribute instead.
    attribute: str | None = argument(default=None, minimum=1)
    # A list of the texts of every match, in page order, instead of the one match there must be.
    every: bool = argument(default=False)
    timeout: float = argument(default=10.0, minimum=0.1, maximum=3600)


async def run(arguments: Extract, job: Job) -> Continue:
    """Read the value. A missing attribute is null."""
    page = await job.page()
    locator = page.locator(arguments.selector)
    async with in_plain_words(selector=arguments.selector, seconds=arguments.timeout, page=page):
        value: object
        if arguments.read == "count":
            value = await locator.count()
        elif arguments.every:
            value = [await _read(one, arguments) for one in await locator.all()]
        else:
            value = await _read(locator, arguments)
    return Continue(variables={arguments.into: value})


async def _read(locator: "Locator", arguments: Extract) -> str | None:
    timeout = arguments.timeout * 1000
    value: str | None
    if arguments.attribute is not None:
        value = await locator.get_attribute(arguments.attribute, timeout=timeout)
    elif arguments.read == "value":
        value = await locator.input_value(timeout=timeout)
    else:
        value = await locator.inner_text(timeout=timeout)
    if value is not None and len(value) > TEXT_LIMIT:
        raise StepFailed(f"what {arguments.selector!r} holds is longer than {TEXT_LIMIT:,} characters")
    return value


NODE = NodeType(
    "extract",
    Extract,
    run,
    describe=lambda arguments: f"{arguments.into} from {arguments.selector}",
    at_most_one_of=("read", "attribute"),
)
