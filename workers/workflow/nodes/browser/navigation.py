"""Where a page goes: addresses, back, forward, again."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from workers.flow.page_opening import Loaded, check_before, check_way, open_page
from workers.flow.page_watch import shown
from workers.workflow.errors import NodeFailed
from workers.workflow.nodes.browser.page_node import Act, Spot, page_node
from workers.workflow.registry import Given, Input, Output
from workers.workflow.step import Step

if TYPE_CHECKING:
    from playwright.async_api import Response

UNTIL: Final = Input(
    "wait_until",
    "text",
    default="load",
    choices=("load", "domcontentloaded", "networkidle", "commit"),
    aliases=("load_state",),
)


async def _check(given: Given, step: Step) -> None:
    await check_before(step.host, given["url"])


async def _goto(given: Given, spot: Spot) -> Mapping[str, Any]:
    until: Loaded = given["wait_until"]
    status = await open_page(spot.step.host, spot.browser, spot.page, given["url"], seconds=spot.seconds, until=until)
    return {"url": spot.page.url, "title": await spot.page.title(), "status": status}


def _moved(move: Callable[[Given, Spot], Awaitable["Response | None"]], refusal: str) -> Act:
    async def act(given: Given, spot: Spot) -> Mapping[str, Any]:
        spot.browser.watch.departs(spot.page)
        response = await move(given, spot)
        await check_way(spot.step.host, spot.browser, spot.page, response)
        if response is None and not spot.run.has_gone(spot.page):
            raise NodeFailed(refusal)
        if response is not None and response.status >= 400:
            raise NodeFailed(f"{shown(spot.page.url)} answered {response.status} {response.status_text}".rstrip())
        return {"url": spot.page.url, "title": await spot.page.title()}

    return act


async def _back(given: Given, spot: Spot) -> "Response | None":
    return await spot.page.go_back(timeout=spot.timeout, wait_until=given["wait_until"])


async def _forward(given: Given, spot: Spot) -> "Response | None":
    return await spot.page.go_forward(timeout=spot.timeout, wait_until=given["wait_until"])


async def _reload(given: Given, spot: Spot) -> "Response | None":
    return await spot.page.reload(timeout=spot.timeout, wait_until=given["wait_until"])


_WHERE: Final = (Output("url", "text", aliases=("current_url",)), Output("title", "text"))

NODES = (
    page_node(
        "GoToURLNode",
        "Opens an address and waits until the page is loaded; an answer of 400 or above is a failure.",
        _goto,
        inputs=(Input("url", "text", required=True, aliases=("address", "target_url")), UNTIL),
        outputs=(*_WHERE, Output("status", "integer", aliases=("status_code",))),
        aliases=(
            "GoToUrlNode",
            "GotoNode",
            "GoToNode",
            "NavigateNode",
            "NavigateToURLNode",
            "NavigateToUrlNode",
            "BrowserNavigateNode",
            "BrowserGoToNode",
            "OpenURLNode",
        ),
        before=_check,
    ),
    page_node(
        "GoBackNode",
        "Goes back to the page before.",
        _moved(_back, "there is no page to go back to"),
        inputs=(UNTIL,),
        outputs=_WHERE,
        aliases=("BrowserBackNode", "NavigateBackNode"),
    ),
    page_node(
        "GoForwardNode",
        "Goes forward to the page that was left by going back.",
        _moved(_forward, "there is no page to go forward to"),
        inputs=(UNTIL,),
        outputs=_WHERE,
        aliases=("BrowserForwardNode", "NavigateForwardNode"),
    ),
    page_node(
        "RefreshPageNode",
        "Loads the page again.",
        _moved(_reload, "the page was not loaded again"),
        inputs=(UNTIL,),
        outputs=_WHERE,
        aliases=("RefreshNode", "ReloadPageNode", "ReloadNode", "BrowserRefreshNode"),
    ),
)
