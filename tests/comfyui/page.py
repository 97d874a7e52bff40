"""ComfyUI's own page in a Chromium, driven with the page's own functions."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Self

import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests.patience import PATIENCE
from workers import chromium

# Without an id of its own the page is not told of its prompts.
READY: Final = "() => window.app?.graph && window.app.extensionManager && window.app.api?.clientId"
# It takes seconds of a whole processor, of which a busy machine has little.
READY_SECONDS: Final = 2 * PATIENCE
# Keeps the events of prompts where the test finds them.
LISTEN: Final = """() => {
    window.heard = [];
    for (const name of ["execution_start", "executing", "progress", "progress_state", "executed", "execution_cached",
                        "execution_success", "execution_error", "execution_interrupted"])
        window.app.api.addEventListener(name, event => window.heard.push([name, event.detail]));
}"""
ENDED: Final = """() => window.heard.some(([name]) =>
    ["execution_success", "execution_error", "execution_interrupted"].includes(name))"""


@asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    """A Chromium; the test is skipped where there is none."""
    found = chromium.find(os.environ)
    if found is None:
        pytest.skip("there is no Chromium; run `make setup`")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        await browser.close()


@dataclass(frozen=True)
class ComfyPage:
    """A page that is ready."""

    page: Page

    @classmethod
    async def open(cls, browser: Browser, url: str, credentials: tuple[str, str] | None = None) -> Self:
        """Open the page of the ComfyUI at `url`; `credentials` are a name and a password for that origin."""
        name, password = credentials or ("", "")
        context = await browser.new_context(
            http_credentials={"username": name, "password": password, "origin": url} if credentials else None
        )
        # The page asks other hosts for news and models.
        await context.route(lambda address: not address.startswith(url), lambda route: route.abort())
        page = await context.new_page()
        await page.goto(url, timeout=READY_SECONDS * 1000)
        await page.wait_for_function(READY, timeout=READY_SECONDS * 1000)
        await page.evaluate(LISTEN)
        return cls(page)

    async def load(self, workflow: dict[str, Any]) -> None:
        """Open a workflow of either format."""
        script = """workflow => "nodes" in workflow
            ? window.app.loadGraphData(workflow, true, true, "test")
            : window.app.loadApiJson(workflow, "test")"""
        await self.page.evaluate(script, workflow)

    async def forget(self) -> None:
        """Drop the events heard so far."""
        await self.page.evaluate("() => { window.heard = []; }")

    async def graph(self) -> dict[str, Any]:
        """What is open, in the format of the API."""
        graph: dict[str, Any] = await self.page.evaluate("async () => (await window.app.graphToPrompt()).output")
        return graph

    async def types(self) -> list[str]:
        """The types of the nodes that are open."""
        types: list[str] = await self.page.evaluate("() => window.app.graph._nodes.map(node => node.type)")
        return types

    async def queue(self) -> dict[str, Any]:
        """Queue what is open, and return what ComfyUI answers."""
        async with self.page.expect_response(lambda response: response.url.endswith("/api/prompt")) as answer:
            await self.page.evaluate("() => window.app.queuePrompt(0, 1)")
        body: dict[str, Any] = await (await answer.value).json()
        return body

    async def events(self) -> list[tuple[str, Any]]:
        """Wait for the end of a prompt, and return the events up to it: name and detail."""
        await self.page.wait_for_function(ENDED)
        return [(name, detail) for name, detail in await self.page.evaluate("() => window.heard")]

    async def fetch(self, path: str) -> Any:
        """What ComfyUI answers the page at a path of its API, as JSON."""
        return await self.page.evaluate("async path => (await window.app.api.fetchApi(path)).json()", path)
