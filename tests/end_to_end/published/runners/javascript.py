"""Runs JavaScript in a page of a real Chromium that is of the server's own origin."""

import json
from functools import partial
from typing import Any, Final

import pytest
from playwright.sync_api import Page

from tests.end_to_end.published.facts import Call, Fact, filled_json
from tests.end_to_end.published.runners import waiting
from tests.end_to_end.published.world import World

# Something small that is answered to everybody.
PAGE: Final = "/health/live"
SOCKET: Final = "const socket = new WebSocket({url}); socket.onmessage = (event) => console.log(event.data);"
EVENTS: Final = (
    "const source = new EventSource({url}); source.onmessage = (event) => console.log(JSON.stringify(event.data));"
)


def run(world: World, fact: Fact, text: str | None) -> None:
    """Run the code; what it logs to the console is what it shows."""
    if world.browser is None:
        pytest.skip("there is no Chromium; run `make setup`")
    code = _made_up(world, fact) if text is None else world.fill(f"{text}\n{fact.then}")
    context = world.browser.new_context()
    try:
        page = context.new_page()
        lines: list[str] = []
        faults: list[str] = []
        page.on("console", lambda message: lines.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(f"http://{world.values['http']}{PAGE}")
        world.begin()
        page.evaluate(f"async () => {{ {code}\n }}")
        waiting.let_happen(world, fact)
        waiting.until_shown(world, fact, partial(_lines, page, lines), as_printed=text is not None)
        assert faults == []
    finally:
        context.close()


def _lines(page: Page, lines: list[str]) -> list[str]:
    page.evaluate("0")  # events of the page come while it is asked something
    return lines


def _made_up(world: World, fact: Fact) -> str:
    return "\n".join(_statement(world, call, listens=bool(fact.says)) for call in fact.calls)


def _statement(world: World, call: Call, *, listens: bool) -> str:
    url = world.url(call)
    if call.status == 101:
        return SOCKET.format(url=json.dumps(url.replace("http", "ws", 1)))
    if listens:
        return EVENTS.format(url=json.dumps(url))
    headers = {name: world.fill(value) for name, value in (call.sends or {}).items()}
    options: dict[str, Any] = {"method": call.method, "headers": headers}
    if call.body is not None:
        # Without it a browser says that the body is plain text, which the server does not take from pages.
        headers["content-type"] = "application/json"
        options |= {"body": json.dumps(filled_json(call.body, world.values))}
    return f"await (await fetch({json.dumps(url)}, {json.dumps(options)})).text();"
