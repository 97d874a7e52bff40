"""Opens addresses, and checks where that really led: each redirect, and the machine that answered."""

from contextlib import suppress
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from workers.flow.browser import Browser
from workers.flow.errors import AddressRefused, StepFailed
from workers.flow.host import Host
from workers.flow.page_watch import shown
from workers.flow.plain_words import in_plain_words

if TYPE_CHECKING:
    from playwright.async_api import Page, Response

# How far a page has to be until it counts as open, in Playwright's words.
Loaded = Literal["commit", "domcontentloaded", "load", "networkidle"]

ERROR_PAGE_SECONDS: Final = 2.0


async def check_before(host: Host, url: str) -> None:
    """Return when `url` may be opened. To be asked before a browser is started for it.

    Raises:
        AddressRefused: it may not, or is no whole address.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise AddressRefused(f"{shown(url)!r} must be a whole http or https address")
    await host.allow_url(url)


async def open_page(
    host: Host, browser: Browser, page: "Page", url: str, *, seconds: float, until: Loaded = "load"
) -> int | None:
    """Open `url`, which has been checked, and return the status of the answer; None when the page stayed the same.

    It has this many `seconds`.

    Raises:
        AddressRefused: it led where nothing may be opened; that page is left.
        StepFailed: it cannot be opened, or the answer is 400 or above.
        BrowserCrashed: the page is gone.
    """
    browser.watch.departs(page)
    async with in_plain_words(seconds=seconds):
        response = await _open(page, url, seconds, until)
        await check_way(host, browser, page, response)
    if response is not None and response.status >= 400:
        raise StepFailed(f"{shown(url)} answered {response.status} {response.status_text}".rstrip())
    return None if response is None else response.status


async def check_way(host: Host, browser: Browser, page: "Page", response: "Response | None") -> None:
    """Check what the browser really did: each redirect, and the address that the name stood for.

    Raises:
        AddressRefused: it went where nothing may be opened; that page is left.
    """
    try:
        await _check_answer(host, browser, response)
        await browser.check_address(page.url)
    except AddressRefused:
        await browser.leave(page)
        raise


async def _open(page: "Page", url: str, seconds: float, until: Loaded) -> "Response | None":
    from playwright.async_api import Error

    try:
        return await page.goto(url, timeout=seconds * 1000, wait_until=until)
    except Error as error:
        if "net::" in error.message:
            # The browser now loads its own page for the error; a `goto` that follows would run into that.
            with suppress(Error):
                await page.wait_for_url("chrome-error://**", timeout=ERROR_PAGE_SECONDS * 1000)
        raise


async def _check_answer(host: Host, browser: Browser, response: "Response | None") -> None:
    if response is None:  # the same page, another fragment
        return
    request = response.request.redirected_from
    while request is not None:
        await browser.check_address(request.url)
        request = request.redirected_from
    server = await response.server_addr()
    if server is not None:
        address = server["ipAddress"].strip("[]")
        await host.allow_url(f"http://{f'[{address}]' if ':' in address else address}:{server['port']}/")
