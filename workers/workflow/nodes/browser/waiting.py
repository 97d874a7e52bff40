"""Nodes that wait for a page: for an element, or to arrive somewhere."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from workers.workflow.errors import NodeFailed
from workers.workflow.nodes.browser.navigation import UNTIL
from workers.workflow.nodes.browser.page_node import SELECTOR, STRICT, Spot, page_node
from workers.workflow.registry import Given, Input, Output

if TYPE_CHECKING:
    from playwright.async_api import Page


async def _wait_on_tab(given: Given, spot: Spot, wait: Callable[["Page"], Coroutine[Any, Any, None]]) -> str:
    """Wait on the tab to work on, whichever that becomes meanwhile; return its name."""
    place = spot.page

    async def find() -> "Page":
        nonlocal place
        place = await spot.run.page(given["page"])
        return place

    await spot.browser.wait_on_newest(wait, find)
    await spot.browser.check_page(place)
    return spot.run.name(place)


async def _element(given: Given, spot: Spot) -> Mapping[str, Any]:
    from playwright.async_api import TimeoutError as TooLate

    async def wait(page: "Page") -> None:
        found = page.locator(given["selector"])
        await (found if given["strict"] else found.first).wait_for(state=given["state"], timeout=spot.timeout)

    try:
        return {"found": True, "page": await _wait_on_tab(given, spot, wait)}
    except TooLate as error:
        if given["state"] in ("visible", "attached"):
            raise
        raise NodeFailed(f"{given['selector']!r} was still there after {spot.seconds:g} s") from error


async def _navigation(given: Given, spot: Spot) -> Mapping[str, Any]:
    async def wait(page: "Page") -> None:
        if given["url"]:
            await page.wait_for_url(given["url"], wait_until=given["wait_until"], timeout=spot.timeout)
            return
        # What led here may have arrived before this node has begun.
        await spot.run.departure(page)
        if given["wait_until"] != "commit":
            await page.wait_for_load_state(given["wait_until"], timeout=spot.timeout)

    try:
        async with asyncio.timeout(spot.seconds):
            name = await _wait_on_tab(given, spot, wait)
    except TimeoutError as error:
        raise NodeFailed(f"the page went nowhere within {spot.seconds:g} s") from error
    return {"url": spot.run.named(name).url, "page": name}


NODES = (
    page_node(
        "WaitForElementNode",
        "Waits until an element is there and visible, or in another state.",
        _element,
        inputs=(
            SELECTOR,
            STRICT,
            Input("state", "text", default="visible", choices=("visible", "hidden", "attached", "detached")),
        ),
        outputs=(Output("found", "boolean", aliases=("success",)),),
        aliases=("WaitForSelectorNode", "WaitElementNode", "BrowserWaitForElementNode", "BrowserWaitNode"),
        only_looks=True,
    ),
    page_node(
        "WaitForNavigationNode",
        "Waits until the page has gone where the last step leads it, or to an address such as **/done.",
        _navigation,
        inputs=(Input("url", "text", default="", aliases=("url_pattern", "expected_url")), UNTIL),
        outputs=(Output("url", "text", aliases=("current_url",)),),
        aliases=("WaitNavigationNode", "WaitForPageLoadNode", "WaitForURLNode", "BrowserWaitForNavigationNode"),
        only_looks=True,
    ),
)
