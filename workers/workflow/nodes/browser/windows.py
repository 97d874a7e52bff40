"""The browser as a whole, and its tabs."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from workers.flow.browser import BrowserSettings
from workers.flow.page_opening import check_before, open_page
from workers.workflow.errors import NodeFailed
from workers.workflow.nodes.browser.page_node import (
    CATEGORY,
    PAGE_OUTPUT,
    TIMEOUT,
    Spot,
    page_node,
    plainly,
    seconds_of,
)
from workers.workflow.nodes.browser.tabs import RunBrowser
from workers.workflow.registry import Given, Input, NodeType, Output
from workers.workflow.step import Step

if TYPE_CHECKING:
    from playwright.async_api import Page

_LARGEST: Final = 8192
_PAUSE_SECONDS: Final = 0.05


async def _launch(given: Given, step: Step) -> Mapping[str, Any]:
    async with plainly(step):
        if given["url"]:
            await check_before(step.host, given["url"])
        run = step.of_run(RunBrowser)
        page = await run.launch(_settings(given))
        await _go(given, step, run, page)
        return {"page": run.name(page), "browser": "browser", "url": page.url}


def _settings(given: Given) -> BrowserSettings:
    width, height = given["viewport_width"], given["viewport_height"]
    if not (1 <= width <= _LARGEST and 1 <= height <= _LARGEST):
        raise NodeFailed(f"the viewport must be 1 to {_LARGEST:,} pixels wide and high")
    return BrowserSettings(
        headless=given["headless"], timezone=given["timezone"], locale=given["locale"], viewport=(width, height)
    )


async def _new_tab(given: Given, step: Step) -> Mapping[str, Any]:
    async with plainly(step):
        if given["url"]:
            await check_before(step.host, given["url"])
        run = step.of_run(RunBrowser)
        page = await run.new_tab()
        await _go(given, step, run, page)
        return {"page": run.name(page), "url": page.url}


async def _go(given: Given, step: Step, run: RunBrowser, page: "Page") -> None:
    if given["url"]:
        run.act(page)
        await open_page(step.host, await run.open(), page, given["url"], seconds=seconds_of(given))


async def _close_browser(_given: Given, step: Step) -> Mapping[str, Any]:
    async with plainly(step):
        await step.of_run(RunBrowser).end()
        return {}


async def _switch(given: Given, spot: Spot) -> Mapping[str, Any]:
    # The tab may be about to open: what opens it has only just been clicked.
    end = asyncio.get_running_loop().time() + spot.seconds
    while True:
        page = await _wanted(given, spot)
        if page is not None:
            break
        if asyncio.get_running_loop().time() >= end:
            raise NodeFailed(f"no such tab was there within {spot.seconds:g} s; {len(spot.run.tabs())} are open")
        await asyncio.sleep(_PAUSE_SECONDS)
    await spot.browser.check_page(page)
    await page.bring_to_front()
    spot.run.choose(page)
    spot.browser.bring_forward(page)
    return {"page": spot.run.name(page), "url": page.url, "title": await page.title()}


async def _wanted(given: Given, spot: Spot) -> "Page | None":
    tabs = spot.run.tabs()
    if given["tab"]:
        return next((page for page in tabs if spot.run.name(page) == given["tab"]), None)
    if given["url"]:
        return next((page for page in tabs if given["url"] in page.url), None)
    if given["title"]:
        for page in tabs:
            if given["title"] in await page.title():
                return page
        return None
    place = given["index"]
    return tabs[place] if -len(tabs) <= place < len(tabs) else None


async def _close_tab(_given: Given, spot: Spot) -> Mapping[str, Any]:
    if len(spot.run.tabs()) == 1:
        raise NodeFailed("it is the last tab; close the browser instead")
    opener = spot.browser.opener(spot.page)
    await spot.page.close()
    left = opener if opener is not None and not opener.is_closed() else spot.browser.pages[-1]
    spot.run.choose(left)
    return {"page": spot.run.name(left)}


_URL = Input("url", "text", default="", aliases=("start_url", "initial_url"))

NODES = (
    NodeType(
        "LaunchBrowserNode",
        CATEGORY,
        "Starts the browser, Chromium, and opens an address if one is given; a further tab if it is open already.",
        _launch,
        inputs=(
            _URL,
            Input("browser_type", "text", default="chromium", choices=("chromium", "chrome"), aliases=("browser",)),
            Input("headless", "boolean", default=True),
            Input("viewport_width", "integer", default=1280, aliases=("width", "window_width")),
            Input("viewport_height", "integer", default=720, aliases=("height", "window_height")),
            Input("timezone", "text", default="UTC", aliases=("timezone_id",)),
            Input("locale", "text", default="en-US"),
            TIMEOUT,
        ),
        outputs=(PAGE_OUTPUT, Output("browser", "text"), Output("url", "text", aliases=("current_url",))),
        aliases=("OpenBrowserNode", "StartBrowserNode", "BrowserLaunchNode", "BrowserOpenNode"),
    ),
    NodeType(
        "CloseBrowserNode",
        CATEGORY,
        "Ends the browser once its downloads have come in.",
        _close_browser,
        inputs=(Input("browser"), Input("page", aliases=("tab_id",)), TIMEOUT),
        aliases=("BrowserCloseNode", "QuitBrowserNode"),
    ),
    NodeType(
        "NewTabNode",
        CATEGORY,
        "Opens a tab, and an address in it if one is given; later nodes work there.",
        _new_tab,
        inputs=(_URL, Input("browser"), TIMEOUT),
        outputs=(PAGE_OUTPUT, Output("url", "text", aliases=("current_url",))),
        aliases=("OpenTabNode", "BrowserNewTabNode", "NewPageNode"),
    ),
    page_node(
        "SwitchTabNode",
        "Goes to another tab: by name, by a part of its address or title, or by its place, 0 being the oldest.",
        _switch,
        inputs=(
            Input("tab", "text", default="", aliases=("target_page", "tab_name")),
            Input("url", "text", default="", aliases=("url_contains", "url_pattern")),
            Input("title", "text", default="", aliases=("title_contains",)),
            Input("index", "integer", default=-1, aliases=("tab_index",)),
        ),
        outputs=(PAGE_OUTPUT, Output("url", "text"), Output("title", "text")),
        aliases=("SelectTabPageNode", "BrowserSwitchTabNode", "ActivateTabNode"),
        only_looks=True,
    ),
    page_node(
        "CloseTabNode",
        "Closes a tab; later nodes work on the one that opened it, or on the one used before.",
        _close_tab,
        outputs=(PAGE_OUTPUT,),
        aliases=("BrowserCloseTabNode", "ClosePageNode"),
        only_looks=True,
    ),
)
