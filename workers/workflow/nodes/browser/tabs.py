"""The browser of a run and its tabs, which nodes know by names such as "tab-1"."""

import asyncio
import os
import sys
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple
from weakref import WeakKeyDictionary

from workers.flow.browser import Browser, BrowserSettings
from workers.flow.job_folder import JobFolder
from workers.workflow.errors import NodeFailed
from workers.workflow.host import Host

if TYPE_CHECKING:
    from playwright.async_api import Frame, Page

# Tabs that may be open at the same time.
TAB_LIMIT: Final = 50


class _Choice(NamedTuple):
    """The tab that a branch works on, and how many tabs there had been when it was chosen."""

    page: "Page"
    tab_count: int


# Branches of a run are tasks, and each task has a choice of its own.
_CHOICE: Final[ContextVar[_Choice | None]] = ContextVar("chosen tab", default=None)


class RunBrowser:
    """Starts when a node first needs a page, and ends with the run; at most one is open at a time."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.folder = JobFolder(host.folder)
        self._browser: Browser | None = None
        self._settings = BrowserSettings(viewport=(1280, 720))
        self._turn = asyncio.Lock()
        # The tab a browser begins with, as long as nobody has worked there.
        self._unused: Page | None = None
        self._count = 0
        self._numbers: WeakKeyDictionary[Page, int] = WeakKeyDictionary()
        # How often each page has gone somewhere, and had when a node last acted on it.
        self._navigations: WeakKeyDictionary[Page, int] = WeakKeyDictionary()
        self._marks: WeakKeyDictionary[Page, int] = WeakKeyDictionary()
        # Set whenever any page has gone somewhere.
        self._gone = asyncio.Event()

    @property
    def started(self) -> bool:
        """Whether a browser is open."""
        return self._browser is not None

    async def launch(self, settings: BrowserSettings) -> "Page":
        """Start the browser, or open a further tab of the one that is open, and work there.

        Raises:
            FlowError: it cannot be started.
            NodeFailed: there are too many tabs.
        """
        if self._browser is not None and self._browser.crashed:
            await self.end()
        if self._browser is None:
            self._settings = settings
        elif settings != self._settings:
            self.host.log("warning", "The browser is open already; it stays as it is and opens another tab.")
        return await self.new_tab()

    async def open(self) -> Browser:
        """Return the browser, started.

        Raises:
            FlowError: it cannot be started, or is gone.
        """
        async with self._turn:
            if self._browser is None:
                self._browser = await self._start()
            return self._browser

    async def new_tab(self) -> "Page":
        """Open a tab and work there. The one that the browser begins with counts as new until it is used.

        Raises:
            FlowError: the browser cannot be started, or is gone.
            NodeFailed: there are too many tabs.
        """
        browser = await self.open()
        page, self._unused = self._unused, None
        if page is None or page not in browser.pages:
            if len(browser.pages) >= TAB_LIMIT:
                raise NodeFailed(f"there are {TAB_LIMIT} tabs already")
            page = await (await browser.context()).new_page()
        self.choose(page)
        return page

    async def page(self, wanted: str | None = None) -> "Page":
        """Return the tab called `wanted`, else the one to work on; it may be shown where it is.

        Raises:
            FlowError: the browser cannot be started or is gone, or the page is where it may not be.
            NodeFailed: there is no such tab.
        """
        browser = await self.open()
        await browser.context()
        page = self.named(wanted) if wanted else self._current(browser)
        await browser.check_page(page)
        if page in browser.pages:
            browser.bring_forward(page)
        return page

    async def picture(self, wanted: str | None) -> None:
        """Leave a picture of a tab after a failure, if there is such a tab."""
        browser = self._browser
        if browser is None or browser.crashed:
            return
        with suppress(NodeFailed):
            page = self.named(wanted) if wanted else self._current(browser)
            await browser.picture(page)

    async def end(self, *, failed: bool = False) -> None:
        """End the browser; after a failure with a picture of the page that was used last."""
        browser, self._browser = self._browser, None
        if browser is None:
            return
        if not failed and not browser.crashed and not self.host.cancelled.is_set():
            await browser.finish_downloads()
        await browser.close(failed=failed)

    async def close(self, *, failed: bool) -> None:
        """End it with the run. A run that was stopped wants no picture, but to be over."""
        await self.end(failed=failed and not self.host.cancelled.is_set())

    def choose(self, page: "Page") -> None:
        """Work on `page` from now on, in this branch of the run."""
        self._unused = None
        _CHOICE.set(_Choice(page, self._count))

    def name(self, page: "Page") -> str:
        """Return the name by which nodes know a page."""
        return f"tab-{self._numbers[page]}"

    def named(self, name: str) -> "Page":
        """Return the open tab called `name`. Raises NodeFailed."""
        for page in self.tabs():
            if self.name(page) == name:
                return page
        raise NodeFailed(f"there is no open tab {name!r:.60}")

    def tabs(self) -> "list[Page]":
        """Return the open tabs in the order in which they were opened."""
        pages = [] if self._browser is None else self._browser.pages
        return sorted(pages, key=self._numbers.__getitem__)

    def act(self, page: "Page") -> None:
        """Note that a node acts on `page` now; where it goes next is because of that."""
        self._marks[page] = self._navigations[page]

    def has_gone(self, page: "Page") -> bool:
        """Tell whether `page` has gone somewhere since a node last acted on it."""
        return self._navigations[page] > self._marks.get(page, 0)

    async def departure(self, page: "Page") -> None:
        """Return when `page` has gone somewhere since a node last acted on it."""
        while not self.has_gone(page):
            self._gone.clear()
            await self._gone.wait()

    async def _start(self) -> Browser:
        browser = Browser(self.host, self.folder, _with_screen(self._settings, self.host))
        try:
            context = await browser.context()
        except BaseException:
            await browser.close(failed=False)
            raise
        for page in browser.pages:
            self._number(page)
            self._unused = page
        context.on("page", self._number)
        return browser

    def _current(self, browser: Browser) -> "Page":
        """Return the chosen tab, or the one that it has opened since and that is in front of it."""
        choice = _CHOICE.get()
        if choice is None or choice.page not in browser.pages:
            if not browser.pages:
                raise NodeFailed("all tabs are closed")
            self.choose(browser.pages[-1])
            return browser.pages[-1]
        page, number = choice
        while True:
            opened = [one for one in self.tabs() if browser.opener(one) is page and self._numbers[one] > number]
            if not opened:
                return page
            page = opened[-1]

    def _number(self, page: "Page") -> None:
        self._count += 1
        self._numbers[page] = self._count
        self._navigations[page] = 0 if page.url in ("", "about:blank") else 1
        page.on("framenavigated", self._navigated)
        self._gone.set()

    def _navigated(self, frame: "Frame") -> None:
        if frame.parent_frame is None:
            self._navigations[frame.page] += 1
            self._gone.set()


def _with_screen(settings: BrowserSettings, host: Host) -> BrowserSettings:
    """Return settings that this machine can fulfil: most workflows are drawn at a desk, and run where there is none."""
    if settings.headless or sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return settings
    host.log("info", "There is no screen here; the browser works without a window.")
    return replace(settings, headless=True)
