"""Runs a Python program as a process of its own, with what the example leaves to its reader below it."""

import json
import os
import subprocess
import sys
import threading
from typing import Final

from tests.end_to_end.published.facts import Fact, filled_json
from tests.end_to_end.published.runners import waiting
from tests.end_to_end.published.world import CALL_SECONDS, World

CALLS: Final = """
import httpx, json
for call in json.loads({calls!r}):
    answer = httpx.request(timeout={seconds}, **call)
"""
LISTENS: Final = """
import asyncio, websockets

async def listen():
    async with websockets.connect({url!r}) as socket:
        async for message in socket:
            print(message)

asyncio.run(listen())
"""


def run(world: World, fact: Fact, text: str | None) -> None:
    """Run the program. One that listens is ended when it has shown what it heard."""
    program = _made_up(world, fact) if text is None else world.fill(f"{text}\n{fact.then}")
    listens = bool(fact.meanwhile)
    with subprocess.Popen(
        [sys.executable, "-u", "-c", program],
        cwd=world.folder,
        env={**os.environ, "NO_PROXY": "*"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        lines: list[str] = []
        reader = threading.Thread(target=_read, args=(process, lines))
        reader.start()
        try:
            if listens:
                waiting.let_happen(world, fact)
                waiting.until_shown(world, fact, lambda: lines, as_printed=text is not None)
            else:
                assert process.wait(CALL_SECONDS) == 0, lines
        finally:
            process.kill()
            reader.join()
    if not listens:
        assert text is None or waiting.all_lines(world, fact, lines), lines


def _read(process: subprocess.Popen[str], lines: list[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line.rstrip("\n"))  # noqa: PERF401 - they are looked at while more come


def _made_up(world: World, fact: Fact) -> str:
    if fact.meanwhile:
        return LISTENS.format(url=world.url(fact.calls[0]).replace("http", "ws", 1))
    calls = [
        {
            "method": call.method,
            "url": world.url(call),
            "headers": {name: world.fill(value) for name, value in (call.sends or {}).items()},
            "json": filled_json(call.body, world.values),
        }
        for call in fact.calls
    ]
    return CALLS.format(calls=json.dumps(calls), seconds=CALL_SECONDS)
