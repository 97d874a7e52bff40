"""The pages in a real browser that cannot reach anything but the gateway."""

import asyncio
import os
import shutil
import socket
from typing import Any

import pytest
import uvicorn
from google.protobuf.descriptor import FileDescriptor
from playwright.async_api import Route, async_playwright

from gateway.app import Gateway, GatewayOptions
from gateway.backend.in_process import InProcessBackend

CHROMIUM = os.environ.get("CHROMIUM_PATH") or shutil.which("chromium") or shutil.which("google-chrome")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize(
    ("page_name", "operation"),
    [("docs", ".opblock"), ("redoc", "[data-section-id*='operation']")],
)
async def test_a_page_shows_the_operations_without_the_internet(
    library: FileDescriptor, descriptor_set: bytes, page_name: str, operation: str
) -> None:
    services = list(library.services_by_name.values())
    app = Gateway(services, InProcessBackend([], []), GatewayOptions(title="Library", comments=descriptor_set))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none"))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            problems, shown = await look_at(f"{origin}/{page_name}", origin, operation)
        finally:
            server.should_exit = True
            await serving

    assert problems == []
    assert shown >= 10


async def look_at(address: str, origin: str, selector: str) -> tuple[list[str], int]:
    """Open a page; return what went wrong on it, requests to elsewhere included, and how often `selector` matches."""
    problems: list[str] = []

    async def only_ours(route: Route) -> None:
        if route.request.url.startswith((f"{origin}/", "data:", "blob:")):
            await route.continue_()
        else:
            problems.append(route.request.url)
            await route.abort()

    def hear(message: Any) -> None:
        if message.type == "error":
            problems.append(message.text)

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        context = await browser.new_context()
        await context.route("**/*", only_ours)
        page = await context.new_page()
        page.on("console", hear)
        page.on("pageerror", lambda error: problems.append(str(error)))
        await page.goto(address)
        await page.wait_for_selector(selector, timeout=30_000)
        shown = await page.locator(selector).count()
        await browser.close()
    return problems, shown
