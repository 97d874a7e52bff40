"""Files that come from a page: pictures of it, downloads. Each is an artifact of the job."""

from collections.abc import Mapping
from pathlib import Path, PureWindowsPath
from typing import Any, Final

from workers.flow import page_errors
from workers.flow.errors import AddressRefused
from workers.flow.page_opening import check_before
from workers.workflow.errors import NodeFailed, NotAllowed
from workers.workflow.nodes.browser.page_node import SELECTOR, STRICT, Spot, page_node
from workers.workflow.registry import Given, Input, Output
from workers.workflow.step import Step


async def _screenshot(given: Given, spot: Spot) -> Mapping[str, Any]:
    # What stands before the last slash is a place on the machine the workflow was drawn on.
    name = PureWindowsPath(given["file_path"]).name or "screenshot"
    path = spot.run.folder.new_artifact(f"{name.removesuffix('.png')}.png")
    if given["selector"]:
        await spot.element(given).screenshot(path=path, timeout=spot.timeout)
    else:
        await spot.page.screenshot(path=path, full_page=given["full_page"], timeout=spot.timeout)
    try:
        await spot.browser.check_page(spot.page)
    except AddressRefused:  # it has moved there while the picture was taken
        path.unlink()
        raise
    spot.step.host.artifact("screenshot", path)
    return {"path": _shown(path, spot), "filename": path.name}


async def _check(given: Given, step: Step) -> None:
    if bool(given["selector"]) == bool(given["url"]):
        raise NotAllowed("it needs a selector to click on, or an address, and not both")
    if given["url"]:
        await check_before(step.host, given["url"])


async def _download(given: Given, spot: Spot) -> Mapping[str, Any]:
    from playwright.async_api import Error

    async def begin() -> None:
        if given["selector"]:
            await spot.element(given).click(timeout=spot.timeout)
            return
        try:
            await spot.page.goto(given["url"], timeout=spot.timeout, wait_until="commit")
        except Error as error:
            if page_errors.is_download(error.message):
                return
            raise
        raise NodeFailed("the address leads to a page, not to a file")

    path = await spot.browser.download(spot.page, begin, seconds=spot.seconds)
    return {"path": _shown(path, spot), "filename": path.name, "size": path.stat().st_size, "success": True}


def _shown(path: Path, spot: Spot) -> str:
    """Return a path as nodes know it: below the folder of the job."""
    return path.relative_to(spot.run.folder.root).as_posix()


_ELEMENT: Final = Input("selector", "text", default=None, aliases=SELECTOR.aliases)
_FILE: Final = (Output("path", "text", aliases=("file_path", "saved_path")), Output("filename", "text"))

NODES = (
    page_node(
        "ScreenshotNode",
        "Takes a picture of the page or of one element.",
        _screenshot,
        inputs=(
            Input(
                "file_path",
                "text",
                default="screenshot",
                aliases=("filename", "file_name", "path", "name", "screenshot_path"),
            ),
            _ELEMENT,
            STRICT,
            Input("full_page", "boolean", default=False),
        ),
        outputs=_FILE,
        aliases=("TakeScreenshotNode", "BrowserScreenshotNode", "PageScreenshotNode"),
        event=lambda given: ("screenshot", {"name": PureWindowsPath(given["file_path"]).name[:100]}),
        only_looks=True,
    ),
    page_node(
        "DownloadByClickNode",
        "Clicks on something, or opens an address, and keeps the file that comes.",
        _download,
        inputs=(_ELEMENT, STRICT, Input("url", "text", default="")),
        outputs=(*_FILE, Output("size", "integer", aliases=("file_size",)), Output("success", "boolean")),
        aliases=("BrowserDownloadNode", "BrowserDownloadFileNode", "ClickAndDownloadNode"),
        before=_check,
    ),
)
