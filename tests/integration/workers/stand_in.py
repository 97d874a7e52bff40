"""A program for runs in tests: `params["steps"]` is a list of [name, argument]."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from playwright.async_api import async_playwright

from workers.flow import Outcome
from workers.runner.run_process import RunHost

# Ignores SIGTERM, in a session of its own, and makes a child that does the same.
STUBBORN = (
    "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); os.setsid(); os.fork(); time.sleep(600)"
)


async def run(host: RunHost) -> Outcome:
    finished = 0
    steps: list[tuple[str, Any]] = host.params["steps"]  # type: ignore[assignment]
    for name, argument in steps:
        if name == "succeed":
            return Outcome("succeeded", finished, {"value": argument})
        if name == "fail":
            return Outcome("failed", finished, {}, error_type=argument, error_message="as asked", retryable=False)
        if await STEPS[name](host, argument) == "cancelled":
            return Outcome("cancelled", finished, {})
        finished += 1
    return Outcome("succeeded", finished, {})


async def log(host: RunHost, text: str) -> None:
    host.log("info", text)


async def count(host: RunHost, lines: int) -> None:
    for number in range(lines):
        host.log("info", f"line {number}")


async def tick(host: RunHost, lines: int) -> None:
    for number in range(lines):
        host.log("info", f"tick {number}")
        await asyncio.sleep(0.02)


async def wait(host: RunHost, seconds: float) -> str | None:
    try:
        await asyncio.wait_for(host.cancelled.wait(), seconds)
    except TimeoutError:
        return None
    return "cancelled"


async def hang(host: RunHost, seconds: float) -> None:
    await asyncio.sleep(seconds)


async def stubborn(host: RunHost, _: Any) -> None:
    subprocess.Popen([sys.executable, "-c", STUBBORN])
    await asyncio.sleep(0.5)


async def browse(host: RunHost, _: Any) -> None:
    driver = await async_playwright().start()
    browser = await driver.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
    page = await browser.new_page()
    await page.goto("data:text/html,<title>there</title>")
    host.log("info", await page.title())


async def write(host: RunHost, name: str) -> None:
    path = host.folder / name
    path.write_bytes(b"x" * 3_000_000)
    host.artifact("other", path)


async def remember(host: RunHost, name: str) -> None:
    path = host.folder / "state" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("remembered")


async def forget(host: RunHost, name: str) -> None:
    host.folder.joinpath("state", name).unlink()


async def remember_by_bytes(host: RunHost, name: str) -> None:
    folder = os.fsencode(host.folder / "state")
    os.makedirs(folder, exist_ok=True)  # noqa: PTH103, a name that is no text
    with open(folder + b"/" + name.encode("latin-1"), "wb") as file:  # noqa: PTH123
        file.write(b"x")


async def artifact(host: RunHost, path: str) -> None:
    host.artifact("other", host.folder / path)


async def progress(host: RunHost, fraction: float) -> None:
    host.progress(fraction, "on the way")


async def output(host: RunHost, text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stderr.write(text.upper() + "\n")


async def environment(host: RunHost, _: Any) -> None:
    host.log("info", " ".join(sorted(os.environ)))


async def allow(host: RunHost, url: str) -> None:
    addresses = await host.allow_url(url)
    host.log("info", f"allowed {url} at {', '.join(addresses)}")


async def die(host: RunHost, number: int) -> None:
    os.kill(os.getpid(), signal.Signals(number))


async def broken(host: RunHost, text: str) -> None:
    raise RuntimeError(text)


STEPS: dict[str, Callable[[RunHost, Any], Awaitable[str | None]]] = {
    "log": log,
    "count": count,
    "tick": tick,
    "wait": wait,
    "hang": hang,
    "stubborn": stubborn,
    "browse": browse,
    "write": write,
    "remember": remember,
    "remember_by_bytes": remember_by_bytes,
    "forget": forget,
    "artifact": artifact,
    "progress": progress,
    "output": output,
    "environment": environment,
    "allow": allow,
    "die": die,
    "broken": broken,
}
