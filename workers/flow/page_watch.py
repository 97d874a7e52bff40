"""Tells the host what happens on the pages of a run: where they go, when they are loaded, and how long that took."""

import time
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit
from weakref import WeakKeyDictionary

from workers.flow.host import Host

if TYPE_CHECKING:
    from playwright.async_api import Frame, Page

BLANK: Final = "about:blank"


class PageWatch:
    """Follows pages by the events that the driver sends anyway."""

    def __init__(self, host: Host) -> None:
        self._host = host
        # When a step began to open an address, by page.
        self._began: WeakKeyDictionary[Page, float] = WeakKeyDictionary()

    def departs(self, page: "Page") -> None:
        """Note that a step opens an address now; what `page` loads next is the answer."""
        self._began[page] = time.monotonic()

    def follow(self, page: "Page") -> None:
        """Follow `page` until it is closed."""
        page.on("framenavigated", self._navigated)
        page.on("load", self._loaded)
        # A tab that a page opens is somewhere before anybody hears of it.
        self._navigated(page.main_frame)

    def _navigated(self, frame: "Frame") -> None:
        if frame.parent_frame is None and frame.url not in ("", BLANK):
            self._host.browser_event("navigation", {"url": shown(frame.url)})

    def _loaded(self, page: "Page") -> None:
        began = self._began.pop(page, None)
        if page.url == BLANK:
            return
        details: dict[str, object] = {"url": shown(page.url)}
        if began is not None:
            details["load_time_ms"] = round((time.monotonic() - began) * 1000)
        self._host.browser_event("page_load", details)


def shown(url: str) -> str:
    """Return `url` as it may stand in a log: without user name, password, query and fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))[:200]
