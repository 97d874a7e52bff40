"""What a node gets besides its arguments: the host, the folder, the settings, and a browser when it asks for one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.flow.browser import Browser
from workers.flow.graph import Settings
from workers.flow.host import Host
from workers.flow.job_folder import JobFolder

if TYPE_CHECKING:  # Playwright takes 200 ms to import; a run that opens no page does without
    from playwright.async_api import Page


@dataclass(frozen=True, slots=True)
class Job:
    """One run, as its nodes see it."""

    host: Host
    folder: JobFolder
    settings: Settings
    browser: Browser
    params: Mapping[str, object]

    async def page(self) -> "Page":
        """Return the page the steps work on; the first call starts the browser.

        Raises:
            BrowserCrashed: it cannot be started, or is gone.
            AddressRefused: the page has moved to an address that may not be opened.
        """
        return await self.browser.page()
