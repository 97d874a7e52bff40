"""The same page visited by a bot and by plain Playwright: what the bot costs on top."""

import os
import shutil
import tempfile
import threading
import time
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from benchmarks.result import Row, percentile
from tests.end_to_end.system import System

ROUNDS = 7
TARGET = 1.15
TURNS = 20
PAGE = b"""<!doctype html><title>Echo</title><textarea id="t"></textarea>
<button onclick="p.textContent = t.value">Show</button><p id="p"></p>"""
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def steps() -> list[dict[str, Any]]:
    """Open the page, then twenty times fill, click, and look for the text."""
    found: list[dict[str, Any]] = [{"goto": {"url": "{{params.url}}"}}]
    for n in range(TURNS):
        found.append({"fill": {"selector": "#t", "text": f"text {n}"}})
        found.append({"click": "button"})
        found.append({"expect": {"selector": "#p", "text": f"text {n}"}})
    return found


class Page(BaseHTTPRequestHandler):
    """Serves the one page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


def run() -> list[Row]:
    """Both in turn. A bot's time is that of its process: from the start of the run to its end, as its row says."""
    with tempfile.TemporaryDirectory() as folder, System(Path(folder)) as system:
        system.start()
        pages = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        threading.Thread(target=pages.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{pages.server_port}/"
        instance = system.create_instance(
            "noop", params={"url": url}, config={"phases": [{"name": "visit", "steps": steps()}]}
        )
        pairs = [(bot_seconds(system, instance), plain_seconds(url)) for _ in range(ROUNDS)]
        pages.shutdown()
    ours, plain = (percentile(list(values), 0.5) for values in zip(*pairs, strict=True))
    found = f"{ours / plain:.2f} x ({ours:.2f} s against {plain:.2f} s)"
    return [Row("Browser bot against plain Playwright, same page", "<= 1.15 x", found, ours <= TARGET * plain)]


def bot_seconds(system: System, instance: str) -> float:
    """Seconds one run takes from its start to its end."""
    ended = system.wait_for(instance, system.start_run(instance))
    if ended["status"] != "success":
        raise AssertionError(ended)
    start, end = (datetime.fromisoformat(ended[key]) for key in ("started_at", "finished_at"))
    return (end - start).total_seconds()


def plain_seconds(url: str) -> float:
    """Seconds the same takes with Playwright alone, its start and the browser's included."""
    chromium = os.environ.get("CHROMIUM_PATH") or shutil.which("chromium") or shutil.which("google-chrome")
    started = time.perf_counter()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGS)
        page = browser.new_context().new_page()
        page.goto(url)
        for number in range(TURNS):
            page.fill("#t", f"text {number}")
            page.click("button")
            page.get_by_text(f"text {number}", exact=True).wait_for()
        browser.close()
    return time.perf_counter() - started
