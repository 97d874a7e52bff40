"""Listens to a WebSocket until a message comes that is like the printed one."""

import json

import httpx
import pytest
from websockets.sync.client import connect

from tests.end_to_end.published.facts import Fact, filled_json
from tests.end_to_end.published.runners import waiting
from tests.end_to_end.published.shape import mismatches
from tests.end_to_end.published.world import World
from tests.patience import PATIENCE


def listen(world: World, fact: Fact, text: str | None) -> None:
    """Hear one message of the shape of the facts, which the printed one has too."""
    if text is not None:
        shape = filled_json(fact.says, world.values)
        assert list(mismatches(json.loads(world.fill(text)), shape, printed=True)) == []
    address = httpx.URL(world.url(fact.calls[0])).copy_with(scheme="ws")
    heard: list[str] = []
    with connect(str(address), proxy=None) as socket:
        waiting.let_happen(world, fact)
        while not waiting.a_message(world, fact, heard):
            try:
                heard.append(str(socket.recv(timeout=PATIENCE)))
            except TimeoutError:
                pytest.fail(f"heard only: {heard}")
