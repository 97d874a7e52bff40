"""The cookies of the browser."""

from collections.abc import Mapping
from typing import Any, Final

from workers.flow import page_errors
from workers.workflow.errors import NodeFailed
from workers.workflow.nodes.browser.page_node import VARIABLE, Spot, page_node
from workers.workflow.registry import Given, Input, Output

# What Playwright knows of a cookie; files from elsewhere say more.
_KEYS: Final = frozenset({"name", "value", "url", "domain", "path", "expires", "httpOnly", "secure", "sameSite"})


async def _get(given: Given, spot: Spot) -> Mapping[str, Any]:
    urls = given["urls"] if isinstance(given["urls"], list) else [given["urls"]] if given["urls"] else []
    found = await spot.page.context.cookies([str(url) for url in urls])
    cookies = [dict(cookie) for cookie in found if given["name"] in ("", cookie["name"])]
    value = cookies[0]["value"] if cookies else None
    return {"cookies": cookies, "cookie_value": value, "count": len(cookies)}


async def _set(given: Given, spot: Spot) -> Mapping[str, Any]:
    from playwright.async_api import Error

    cookies = [_cookie(number, one, spot.page.url) for number, one in enumerate(given["cookies"], 1)]
    try:
        await spot.page.context.add_cookies(cookies)
    except Error as error:
        raise NodeFailed(f"the browser refuses the cookies: {page_errors.first_line(error.message)}") from error
    return {"count": len(cookies)}


def _cookie(number: int, given: object, url: str) -> Any:
    if not isinstance(given, Mapping) or not all(isinstance(given.get(key), str) for key in ("name", "value")):
        raise NodeFailed(f"cookie {number} must be an object with the texts name and value")
    cookie = {key: value for key, value in given.items() if key in _KEYS and value is not None}
    if "domain" in cookie:
        cookie.setdefault("path", "/")
    elif "url" not in cookie:
        cookie["url"] = url
    return cookie


async def _clear(given: Given, spot: Spot) -> Mapping[str, Any]:
    await spot.page.context.clear_cookies(name=given["name"] or None, domain=given["domain"] or None)
    return {}


_NAME: Final = Input("name", "text", default="", aliases=("cookie_name",))

NODES = (
    page_node(
        "GetCookiesNode",
        "Lists the cookies: all, those sent to certain addresses, or those of one name.",
        _get,
        inputs=(Input("urls", default=None, aliases=("url",)), _NAME, VARIABLE),
        outputs=(Output("cookies", "list"), Output("cookie_value", "text"), Output("count", "integer")),
        aliases=("GetCookieNode", "BrowserGetCookiesNode"),
        only_looks=True,
    ),
    page_node(
        "SetCookiesNode",
        "Sets cookies, each an object; without url and domain they belong to the page.",
        _set,
        inputs=(Input("cookies", "list", required=True, aliases=("cookie",)),),
        outputs=(Output("count", "integer"),),
        aliases=("SetCookieNode", "BrowserSetCookiesNode"),
        only_looks=True,
    ),
    page_node(
        "ClearCookiesNode",
        "Deletes all cookies, or those of one name or domain.",
        _clear,
        inputs=(_NAME, Input("domain", "text", default="")),
        aliases=("DeleteCookiesNode", "BrowserClearCookiesNode"),
        only_looks=True,
    ),
)
