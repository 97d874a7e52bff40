"""The browser of one run: Chromium through Playwright, started when a step first needs a page.

It acts openly: no disguise, `navigator.webdriver` says what it is. Its downloads become artifacts; when a run fails, so
do a picture of the page and a trace. Importing this module does not import Playwright.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

from workers.flow import page_errors, storage_state
from workers.flow.errors import AddressRefused, BrowserCrashed, ConfigInvalid
from workers.flow.graph import Settings
from workers.flow.host import Host
from workers.flow.job_folder import JobFolder
from workers.flow.page_watch import PageWatch

if TYPE_CHECKING:
    from playwright.async_api import Browser as PlaywrightBrowser
    from playwright.async_api import BrowserContext, Download, Page, StorageState

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


class Browser:
    """Starts late, ends always. One page; a page that opens in a new tab becomes the one the steps work on."""

    def __init__(self, host: Host, folder: JobFolder, settings: Settings) -> None:
        self.watch = PageWatch(host)
        self._host = host
        self._folder = folder
        self._settings = settings
        self._resources = AsyncExitStack()
        self._context: BrowserContext | None = None
        # Those that are open, newest last.
        self._pages: list[Page] = []
        self._opened = asyncio.Event()
        self._crashed = False
        self._traced = True
        self._allowed: set[str] = set()
        self._downloads: set[asyncio.Task[None]] = set()

    @property
    def started(self) -> bool:
        """Whether the run has a browser, or had one."""
        return self._context is not None

    async def page(self) -> "Page":
        """Return the page to work on.

        Raises:
            BrowserCrashed: the browser cannot be started or is gone.
            ConfigInvalid: the cookies file cannot be used.
            AddressRefused: the page has moved to where it may not be.
        """
        if self._context is None:
            await self._start()
        if self._crashed or not self._pages:
            raise BrowserCrashed("the browser or its page is gone")
        page = self._pages[-1]
        try:
            await self.check_address(page.url)
        except AddressRefused:
            await self.leave()
            raise
        return page

    async def wait_on_newest(self, wait: Callable[["Page"], Coroutine[Any, Any, None]]) -> None:
        """Wait for something on the page to work on; if a tab opens meanwhile, wait for it there instead.

        The click that opens a tab is done before the tab is there, so a step that waits must look out for it.

        Raises:
            FlowError: as `page` does; and what `wait` raises.
        """
        while True:
            self._opened.clear()
            waiting = asyncio.create_task(wait(await self.page()))
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

    async def leave(self) -> None:
        """Leave a page that may not be shown, and keep nothing of it: the trace of this run is given up."""
        self._traced = False
        with in_plain_words(timeout=START_TIMEOUT_SECONDS):
            await self._pages[-1].goto("about:blank", timeout=START_TIMEOUT_SECONDS * 1000)

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
        state = self._storage_state()
        from playwright.async_api import Error

        try:
            async with asyncio.timeout(START_TIMEOUT_SECONDS):
                context = await self._open_context(state)
                await context.tracing.start(snapshots=self._settings.trace_snapshots)
                context.on("page", self._adopt)
                self._context = context
                await context.new_page()
        except Error as error:
            raise page_errors.start_failure(error.message) from error
        except TimeoutError as error:
            raise BrowserCrashed(f"the browser did not start within {START_TIMEOUT_SECONDS:g} s") from error

    async def _open_context(self, state: "StorageState | None") -> "BrowserContext":
        from playwright.async_api import Error, async_playwright

        playwright = await self._resources.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(
            executable_path=self._host.chromium_path,
            headless=self._settings.headless,
            args=[*CHROMIUM_ARGUMENTS, *_sandbox_arguments()],
            # Signals are for the process that runs us; it ends the browser in order.
            handle_sigint=False,
            handle_sigterm=False,
            handle_sighup=False,
        )
        self._resources.push_async_callback(_end, browser)
        browser.on("disconnected", lambda _: self._lose())
        width, height = self._settings.viewport
        try:
            return await browser.new_context(
                storage_state=state,
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

    def _storage_state(self) -> "StorageState | None":
        path = self._folder.inside(self._settings.cookies_path)
        try:
            state = storage_state.parse(path.read_bytes())
        except FileNotFoundError:
            if self._settings.cookies_path != Settings().cookies_path:
                raise ConfigInvalid(f"the cookies file {self._settings.cookies_path!r} is not there") from None
            return None  # nothing was uploaded; not every bot needs to be logged in
        except OSError as error:
            raise ConfigInvalid(f"the cookies file cannot be read: {error.strerror}") from error
        # Playwright checks what stands inside of each; `_open_context` says what it did not like.
        return cast("StorageState", state._asdict())

    def _adopt(self, page: "Page") -> None:
        self._pages.append(page)
        self._opened.set()
        self.watch.follow(page)
        page.on("close", self._release)
        page.on("crash", lambda _: self._lose())
        page.on("download", self._receive)

    def _release(self, page: "Page") -> None:
        self._pages.remove(page)

    def _lose(self) -> None:
        self._crashed = True

    def _receive(self, download: "Download") -> None:
        task = asyncio.create_task(self._save(download))
        self._downloads.add(task)
        task.add_done_callback(self._downloads.discard)

    async def _save(self, download: "Download") -> None:
        from playwright.async_api import Error

        path = self._folder.new_artifact(download.suggested_filename)
        path.touch()  # takes the name: another download may ask for it meanwhile
        try:
            await download.save_as(path)
        except Error as error:
            path.unlink(missing_ok=True)
            self._host.log("warning", f"download {path.name}: {page_errors.first_line(error.message)}")
        else:
            self._host.log("info", f"download {path.name}: {path.stat().st_size:,} bytes")
            self._host.artifact("download", path)

    async def _leave_evidence(self) -> None:
        page, context = self._pages[-1], self._context
        picture = self._folder.new_artifact("failure.png")
        if await self._try("picture", page.screenshot(path=picture)):
            self._host.artifact("screenshot", picture)
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


@contextmanager
def in_plain_words(*, timeout: float, selector: str | None = None) -> Iterator[None]:
    """Turn what Playwright raises inside into an error whose words a bot's author understands.

    `timeout` is in seconds. `selector` is what the step looks for.

    Raises:
        StepFailed: the page did not do what the step wanted.
        BrowserCrashed: there is no page any more.
    """
    from playwright.async_api import Error
    from playwright.async_api import TimeoutError as TooLate

    try:
        yield
    except Error as error:
        late = isinstance(error, TooLate)
        raise page_errors.failure(error.message, selector=selector, timeout_seconds=timeout, timed_out=late) from error


def _sandbox_arguments() -> tuple[str, ...]:
    # Chromium refuses to run as root with its sandbox; for anybody else the sandbox stays.
    return ("--no-sandbox",) if os.geteuid() == 0 else ()


async def _end(browser: "PlaywrightBrowser") -> None:
    from playwright.async_api import Error

    # A browser that does not end in time is ended with the driver, which is closed next.
    with suppress(Error, TimeoutError):
        await asyncio.wait_for(browser.close(), FAREWELL_TIMEOUT_SECONDS)
