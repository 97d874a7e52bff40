"""Sockets and events as a page in a real browser uses them."""

import os
import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright

CHROMIUM = os.environ.get("CHROMIUM_PATH") or shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

TALK = """url => new Promise((resolve) => {
  const heard = [];
  const socket = new WebSocket(url, ["bearer", "abc.def"]);
  socket.onopen = () => socket.send('{"text": "hi"}');
  socket.onmessage = (event) => { heard.push(JSON.parse(event.data).text); socket.send(""); };
  socket.onclose = (event) => resolve([socket.protocol, heard, event.code, event.wasClean]);
})"""
FOLLOW = """url => new Promise((resolve) => {
  const heard = [];
  const source = new EventSource(url);
  for (const name of ["message", "written", "end"])
    source.addEventListener(name, (event) => heard.push([event.type, event.lastEventId, event.data]));
  source.addEventListener("end", () => { source.close(); resolve(heard); });
})"""


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield await browser.new_page()
        await browser.close()


async def test_a_page_of_ours_talks_over_a_socket(page: Page, port: int) -> None:
    await page.goto(f"http://127.0.0.1:{port}/openapi.json")

    answer: Any = await page.evaluate(TALK, f"ws://127.0.0.1:{port}/v1/rooms/red/chat")

    assert answer == ["bearer", ["red : hi"], 1000, True]


async def test_a_page_of_another_site_does_not(page: Page, port: int) -> None:
    await page.goto("data:text/html,<title>elsewhere</title>")

    answer: Any = await page.evaluate(TALK, f"ws://127.0.0.1:{port}/v1/rooms/red/chat")

    # RFC 6455, section 7.1.5: 1006 stands for a socket that never opened.
    assert answer == ["", [], 1006, False]


async def test_an_event_source_hears_named_events_with_their_ids(page: Page, port: int) -> None:
    await page.goto(f"http://127.0.0.1:{port}/openapi.json")

    heard: Any = await page.evaluate(FOLLOW, f"http://127.0.0.1:{port}/v1/feeds/f")

    assert heard == [
        ["message", "", "after "],
        ["written", "1", "one\ntwo"],
        ["message", "2", "not an error"],
        ["end", "9", '"done"'],
    ]
