"""Checks that the page is as it should be, and waits a while for it to become so."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.flow import condition
from workers.flow.arguments import argument
from workers.flow.errors import StepFailed
from workers.flow.job import Job
from workers.flow.plain_words import in_plain_words
from workers.flow.registry import Continue, NodeType

if TYPE_CHECKING:
    from playwright.async_api import Page

# How often the page is looked at again.
_PAUSE_SECONDS = 0.1


@dataclass(frozen=True)
class Expect:
    """Arguments of `expect`. Without any of text, value, count, url, title, equals: that `selector` is visible."""

    selector: str = argument(default="body", main=True, minimum=1)
    visible: bool = argument(default=True)
    # What the first match must contain, white space counting as one blank.
    text: str | None = argument(default=None)
    # What the field must hold, exactly.
    value: str | None = argument(default=None)
    # How many elements must match.
    count: int | None = argument(default=None, minimum=0)
    # What the address of the page, or its title, must contain.
    url: str | None = argument(default=None)
    title: str | None = argument(default=None)
    # Two values that must be the same; looks at no page.
    equals: tuple[object, object] | None = argument(default=None)
    timeout: float = argument(default=10.0, minimum=0, maximum=3600)


async def run(arguments: Expect, job: Job) -> Continue:
    """Look until it is so; fail with what was seen last when it does not become so in time."""
    if arguments.equals is not None:
        left, right = arguments.equals
        if not condition.alike(left, right):
            raise StepFailed(f"expected {right!r:.120}, found {left!r:.120}")
        return Continue()
    end = asyncio.get_running_loop().time() + arguments.timeout
    while True:
        page = await job.page()
        async with in_plain_words(selector=arguments.selector, seconds=arguments.timeout):
            complaint = await _complaint(arguments, page)
        if complaint is None:
            return Continue()
        if asyncio.get_running_loop().time() >= end:
            raise StepFailed(f"{complaint}, {arguments.timeout:g} s on")
        await asyncio.sleep(_PAUSE_SECONDS)


async def _complaint(arguments: Expect, page: "Page") -> str | None:
    """Say what is not as expected; None when all is well."""
    if arguments.url is not None:
        return None if arguments.url in page.url else f"expected the address to contain {arguments.url!r:.120}"
    if arguments.title is not None:
        title = await page.title()
        return (
            None
            if arguments.title in title
            else f"expected the title to contain {arguments.title!r:.120}, it is {title!r:.120}"
        )
    if arguments.text is not None:
        return await _text_complaint(arguments.selector, arguments.text, page)
    if arguments.value is not None:
        return await _value_complaint(arguments.selector, arguments.value, page)
    located = page.locator(arguments.selector)
    if arguments.count is not None:
        matches = await located.count()
        return (
            None
            if matches == arguments.count
            else f"expected {arguments.count} of {arguments.selector!r}, found {matches}"
        )
    # Nothing that matches is not visible either.
    if await located.first.is_visible() == arguments.visible:
        return None
    return f"expected {arguments.selector!r} to be {'visible' if arguments.visible else 'gone'}"


async def _text_complaint(selector: str, wanted: str, page: "Page") -> str | None:
    # One question to the browser in place of two, "is it there" and "what does it say".
    text = await page.locator(selector).evaluate_all("found => found.length ? found[0].innerText : null")
    if text is None:
        return f"nothing matched {selector!r}"
    shown = _plain(text)
    return (
        None if _plain(wanted) in shown else f"expected {selector!r} to show {wanted!r:.120}, it shows {shown!r:.120}"
    )


async def _value_complaint(selector: str, wanted: str, page: "Page") -> str | None:
    located = page.locator(selector)
    if not await located.count():
        return f"nothing matched {selector!r}"
    value = await located.first.input_value(timeout=1000)
    return None if value == wanted else f"{selector!r} does not hold the expected value"


def _plain(text: str) -> str:
    return " ".join(text.split())


def _describe(arguments: Expect) -> str:
    for name in ("text", "count", "url", "title"):
        wanted = getattr(arguments, name)
        if wanted is not None:
            where = "" if name in ("url", "title") else f" of {arguments.selector}"
            return f"{name}{where} {wanted!r:.80}"
    if arguments.value is not None:
        return f"value of {arguments.selector}"
    if arguments.equals is not None:
        return "two equal values"
    return f"{arguments.selector} {'visible' if arguments.visible else 'gone'}"


NODE = NodeType(
    "expect",
    Expect,
    run,
    describe=_describe,
    at_most_one_of=("visible", "text", "value", "count", "url", "title", "equals"),
)
