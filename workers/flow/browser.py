"""The browser of one run: Chromium through Playwright, started when a step first needs a page.

It acts openly: no disguise, `navigator.webdriver` says what it is. Its downloads become artifacts; when a run fails, so
do a picture of the page and, where one is wanted, a trace. Importing this module does not import Playwright.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, cast
from urllib.parse import urlsplit

from workers.flow import page_errors
from workers.flow.errors import AddressRefused, BrowserCrashed, ConfigInvalid, FlowError, StepFailed
from workers.flow.host import Host
from workers.flow.job_folder import JobFolder
from workers.flow.page_watch import PageWatch
from workers.flow.plain_words import in_plain_words
from workers.flow.storage_state import StorageState
from workers.processor_share import have_sessions_stand_back

if TYPE_CHECKING:
    from playwright.async_api import Browser as PlaywrightBrowser
    from playwright.async_api import BrowserContext, Download, Page
    from playwright.async_api import StorageState as PlaywrightState

# Less talk with the outside than Chromium has by itself; nothing here changes how a page sees it.
CHROMIUM_ARGUMENTS: Final = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
START_TIMEOUT_SECONDS: Final = 60.0
# For each of: the picture, the trace, the end of the browser.
FAREWELL_TIMEOUT_SECONDS: Final = 5.0
DOWNLOAD_TIMEOUT_SECONDS: Final = 60.0
# Pages that came from nowhere: a new tab, what a script wrote, the browser's own page for an error.
_HOMELESS: Final = frozenset({"about", "data", "blob", "chrome-error"})


@dataclass(frozen=True, slots=True)
class BrowserSettings:
    """How a browser is started. `timezone` is a name of IANA, `viewport` is width and height in pixels."""

    headless: bool = True
    timezone: str = "UTC"
    locale: str = "en-US"
    viewport: tuple[int, int] = (1280, 800)
    # What the trace of a failed run holds. Actions include what was typed; with snapshots it also holds the page before
    # and after each, which costs about a quarter of the run's time.
    trace: Literal["none", "actions", "snapshots"] = "none"


class Browser:
    """Starts late, ends always. A page that opens in a new tab becomes the newest one, and so the one to work on."""

    def __init__(
        self,
        host: Host,
        folder: JobFolder,
        settings: BrowserSettings,
        state: Callable[[], StorageState | None] = lambda: None,
    ) -> None:
        """`state` gives the cookies to begin with; it is called when the browser starts."""
        self.watch = PageWatch(host)
        self._host = host
        self._folder = folder
        self._settings = settings
        self._state = state
        self._resources = AsyncExitStack()
        self._context: BrowserContext | None = None
        # Those that are open, newest last.
        self._pages: list[Page] = []
        self._openers: dict[Page, Page] = {}
        self._opened = asyncio.Event()
        self._crashed = False
        self._traced = settings.trace != "none"
        self._allowed: set[str] = set()
        self._downloads: set[asyncio.Task[None]] = set()
        # Files that somebody waits for, by the page that they are to come from.
        self._awaited: dict[Page, asyncio.Future[Path]] = {}

    @property
    def started(self) -> bool:
        """Whether the run has a browser, or had one."""
        return self._context is not None

    @property
    def pages(self) -> "Sequence[Page]":
        """The pages that are open, newest last."""
        return self._pages

    @property
    def crashed(self) -> bool:
        """Whether the browser, or a page of it, went away by itself."""
        return self._crashed

    async def context(self) -> "BrowserContext":
        """Return what all pages share: cookies, permissions. The first call starts the browser.

        Raises:
            BrowserCrashed: the browser cannot be started or is gone.
            ConfigInvalid: the cookies file cannot be used.
        """
        if self._context is None:
            await self._start()
        if self._crashed or self._context is None:
            raise BrowserCrashed("the browser or its page is gone")
        return self._context

    async def page(self) -> "Page":
        """Return the newest page.

        Raises:
            FlowError: as `context` does; also when no page is left.
            AddressRefused: the page has moved to where it may not be.
        """
        await self.context()
        if not self._pages:
            raise BrowserCrashed("the browser or its page is gone")
        page = self._pages[-1]
        await self.check_page(page)
        return page

    async def check_page(self, page: "Page") -> None:
        """Return when `page` may be shown where it is now, and leave the address when not.

        Raises:
            AddressRefused: it may not.
        """
        try:
            await self.check_address(page.url)
        except AddressRefused:
            await self.leave(page)
            raise

    def bring_forward(self, page: "Page") -> None:
        """Let an open `page` count as the newest."""
        self._pages.remove(page)
        self._pages.append(page)

    def opener(self, page: "Page") -> "Page | None":
        """Return the page that opened `page`, None when a step did."""
        return self._openers.get(page)

    async def wait_on_newest(
        self,
        wait: Callable[["Page"], Coroutine[Any, Any, None]],
        find: "Callable[[], Awaitable[Page]] | None" = None,
    ) -> None:
        """Wait for something on the newest page, or the one `find` gives; if a tab opens meanwhile, look there instead.

        The click that opens a tab is done before the tab is there, so a step that waits must look out for it.

        Raises:
            FlowError: as `page` does; and what `wait` raises.
        """
        while True:
            self._opened.clear()
            waiting = asyncio.create_task(wait(await (find or self.page)()))
            opened = asyncio.create_task(self._opened.wait())
            try:
                await asyncio.wait({waiting, opened}, return_when=asyncio.FIRST_COMPLETED)
                if waiting.done():
                    return waiting.result()
            finally:
                waiting.cancel()
                opened.cancel()
                await asyncio.gather(waiting, opened, return_exceptions=True)

    async def check_address(self, url: str) -> None:
        """Return when a page at `url` may be shown. Asked once for each scheme, host and port.

        Raises:
            AddressRefused: it may not.
        """
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if parts.scheme in _HOMELESS or origin in self._allowed:
            return
        if parts.scheme not in ("http", "https"):
            raise AddressRefused(f"{url!r:.120}: only http and https addresses may be opened")
        await self._host.allow_url(url)
        self._allowed.add(origin)

    async def leave(self, page: "Page") -> None:
        """Leave a page that may not be shown, and keep nothing of it: the trace of this run is given up."""
        self._traced = False
        async with in_plain_words(seconds=START_TIMEOUT_SECONDS):
            await page.goto("about:blank", timeout=START_TIMEOUT_SECONDS * 1000)

    async def download(self, page: "Page", begin: Callable[[], Awaitable[object]], *, seconds: float) -> Path:
        """Return the file that comes in after `begin`, from `page` or from a tab that it opens.

        It is an artifact, like every download. `seconds` count from the end of `begin`.

        Raises:
            StepFailed: no file has come in by then, or `page` is being waited on already.
            AddressRefused: the file lies where nothing may be opened.
        """
        if page in self._awaited:
            raise StepFailed("another step waits for a file from the same page")
        awaited = self._awaited[page] = asyncio.get_running_loop().create_future()
        try:
            await begin()
            return await asyncio.wait_for(awaited, seconds)
        except TimeoutError as error:
            raise StepFailed(f"no file came in within {seconds:g} s") from error
        finally:
            del self._awaited[page]
            awaited.cancel()

    async def finish_downloads(self) -> None:
        """Wait for downloads that are still coming in, at most `DOWNLOAD_TIMEOUT_SECONDS`."""
        if self._downloads:
            _, late = await asyncio.wait(self._downloads, timeout=DOWNLOAD_TIMEOUT_SECONDS)
            if late:
                self._host.log("warning", f"{len(late)} downloads did not end within {DOWNLOAD_TIMEOUT_SECONDS:g} s")

    async def close(self, *, failed: bool) -> None:
        """End the browser and everything it started; after a failed run leave a picture and a trace."""
        try:
            if failed and self._pages and not self._crashed:
                await self._leave_evidence()
        finally:
            for task in self._downloads:
                task.cancel()
            await asyncio.gather(*self._downloads, return_exceptions=True)
            await self._resources.aclose()

    async def _start(self) -> None:
        state = self._state()
        from playwright.async_api import Error

        try:
            async with asyncio.timeout(START_TIMEOUT_SECONDS):
                context = await self._open_context(state)
                if self._traced:
                    await context.tracing.start(snapshots=self._settings.trace == "snapshots")
                context.on("page", self._adopt)
                self._context = context
                await context.new_page()
        except Error as error:
            raise page_errors.start_failure(error.message) from error
        except TimeoutError as error:
            raise BrowserCrashed(f"the browser did not start within {START_TIMEOUT_SECONDS:g} s") from error

    async def _open_context(self, state: StorageState | None) -> "BrowserContext":
        from playwright.async_api import Error, async_playwright

        playwright = await self._resources.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(
            executable_path=self._host.chromium_path,
            headless=self._settings.headless,
            args=[*CHROMIUM_ARGUMENTS, *sandbox_arguments()],
            # Signals are for the process that runs us; it ends the browser in order.
            handle_sigint=False,
            handle_sigterm=False,
            handle_sighup=False,
        )
        self._resources.push_async_callback(_end, browser)
        await asyncio.to_thread(have_sessions_stand_back)
        browser.on("disconnected", lambda _: self._lose())
        width, height = self._settings.viewport
        try:
            return await browser.new_context(
                # Playwright checks what stands inside of each; what it does not like is said below.
                storage_state=None if state is None else cast("PlaywrightState", state._asdict()),
                timezone_id=self._settings.timezone,
                locale=self._settings.locale,
                viewport={"width": width, "height": height},
            )
        except Error as error:
            if self._crashed:
                raise
            raise ConfigInvalid(
                f"the browser refuses the configuration: {page_errors.first_line(error.message)}"
            ) from error

    def _adopt(self, page: "Page") -> None:
        self._pages.append(page)
        self._opened.set()
        self.watch.follow(page)
        page.on("close", self._release)
        page.on("crash", lambda _: self._lose())
        page.on("download", self._receive)
        page.on("popup", partial(self._note_opener, page))

    def _release(self, page: "Page") -> None:
        self._pages.remove(page)
        self._openers.pop(page, None)

    def _note_opener(self, opener: "Page", opened: "Page") -> None:
        self._openers[opened] = opener

    def _lose(self) -> None:
        self._crashed = True

    def _receive(self, download: "Download") -> None:
        page: Page | None = download.page
        while page is not None and page not in self._awaited:
            page = self._openers.get(page)
        task = asyncio.create_task(self._keep(download, None if page is None else self._awaited[page]))
        self._downloads.add(task)
        task.add_done_callback(self._downloads.discard)

    async def _keep(self, download: "Download", awaited: "asyncio.Future[Path] | None") -> None:
        """Make an artifact of a download, and tell who waits for it."""
        try:
            path = await self._save(download)
        except FlowError as error:
            self._host.log("warning", f"download: {error.reason}")
            if awaited is not None and not awaited.done():
                awaited.set_exception(error)
            return
        self._host.log("info", f"download {path.name}: {path.stat().st_size:,} bytes")
        self._host.artifact("download", path)
        if awaited is not None and not awaited.done():
            awaited.set_result(path)

    async def _save(self, download: "Download") -> Path:
        from playwright.async_api import Error

        try:
            await self.check_address(download.url)
        except AddressRefused:
            with suppress(Error):
                await download.cancel()
            raise
        path = self._folder.new_artifact(download.suggested_filename)
        path.touch()  # takes the name: another download may ask for it meanwhile
        try:
            await download.save_as(path)
        except Error as error:
            path.unlink(missing_ok=True)
            raise StepFailed(f"{path.name}: {page_errors.first_line(error.message)}") from error
        return path

    async def picture(self, page: "Page") -> None:
        """Leave a picture of `page` as it is after a failure; a page that may not be shown is left without one."""
        try:
            await self.check_page(page)
        except FlowError as error:
            self._host.log("warning", f"no picture of the failure: {error.reason}")
            return
        picture = self._folder.new_artifact("failure.png")
        if await self._try("picture", page.screenshot(path=picture)):
            self._host.artifact("screenshot", picture)

    async def _leave_evidence(self) -> None:
        await self.picture(self._pages[-1])
        context = self._context
        if context is None or not self._traced:
            return
        trace = self._folder.new_artifact("trace.zip")
        if await self._try("trace", context.tracing.stop(path=trace)):
            self._host.artifact("trace", trace)

    async def _try(self, what: str, work: Coroutine[Any, Any, object]) -> bool:
        # The run has failed already, for a better reason than one that comes up here.
        from playwright.async_api import Error

        try:
            await asyncio.wait_for(work, FAREWELL_TIMEOUT_SECONDS)
        except Error as error:
            self._host.log("warning", f"no {what} of the failure: {page_errors.first_line(error.message)}")
            return False
        except TimeoutError:
            self._host.log("warning", f"no {what} of the failure within {FAREWELL_TIMEOUT_SECONDS:g} s")
            return False
        return True


def sandbox_arguments() -> Sequence[str]:
    """Return what Chromium needs to start as who we are: as root it refuses to run with its sandbox."""
    return ("--no-sandbox",) if os.geteuid() == 0 else ()


async def _end(browser: "PlaywrightBrowser") -> None:
    from playwright.async_api import Error

    # A browser that does not end in time is ended with the driver, which is closed next.
    with suppress(Error, TimeoutError):
        await asyncio.wait_for(browser.close(), FAREWELL_TIMEOUT_SECONDS)
