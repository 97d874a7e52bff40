"""Opens an address."""

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from workers.flow.arguments import argument
from workers.flow.browser import in_plain_words
from workers.flow.errors import AddressRefused, StepFailed
from workers.flow.job import Job
from workers.flow.page_watch import shown
from workers.flow.registry import Continue, NodeType

if TYPE_CHECKING:
    from playwright.async_api import Page, Response

ERROR_PAGE_SECONDS: Final = 2.0


@dataclass(frozen=True)
class Goto:
    """Arguments of `goto`."""

    url: str = argument(main=True, minimum=1, maximum=8192)
    timeout: float = argument(default=30.0, minimum=0.1, maximum=3600)


async def run(arguments: Goto, job: Job) -> Continue:
    """Open the address and wait until the page is loaded. An answer of 400 or above fails the step."""
    if urlsplit(arguments.url).scheme not in ("http", "https"):
        raise AddressRefused(f"{shown(arguments.url)!r} must be a whole http or https address")
    await job.host.allow_url(arguments.url)
    page = await job.page()
    job.browser.watch.departs()
    with in_plain_words(timeout=arguments.timeout):
        response = await _open(page, arguments)
        try:
            await _check_way(response, job)
            await job.browser.check_address(page.url)
        except AddressRefused:
            await job.browser.leave()
            raise
    if response is not None and response.status >= 400:
        raise StepFailed(f"{shown(arguments.url)} answered {response.status} {response.status_text}".rstrip())
    return Continue()


async def _open(page: "Page", arguments: Goto) -> "Response | None":
    from playwright.async_api import Error

    try:
        return await page.goto(arguments.url, timeout=arguments.timeout * 1000)
    except Error as error:
        if "net::" in error.message:
            # The browser now loads its own page for the error; a `goto` that follows would run into that.
            with suppress(Error):
                await page.wait_for_url("chrome-error://**", timeout=ERROR_PAGE_SECONDS * 1000)
        raise


async def _check_way(response: "Response | None", job: Job) -> None:
    """Check what the browser really did: each redirect, and the address that the name stood for."""
    if response is None:  # the same page, another fragment
        return
    request = response.request.redirected_from
    while request is not None:
        await job.browser.check_address(request.url)
        request = request.redirected_from
    server = await response.server_addr()
    if server is not None:
        host = server["ipAddress"].strip("[]")
        await job.host.allow_url(f"http://{f'[{host}]' if ':' in host else host}:{server['port']}/")


NODE = NodeType("goto", Goto, run, describe=lambda arguments: shown(arguments.url))
