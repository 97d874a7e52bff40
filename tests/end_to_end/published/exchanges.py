"""Compares what an example has asked, and was answered, with what is known of it."""

import json
from collections.abc import Mapping
from typing import Final

from tests.end_to_end.published.facts import Call, Fact, filled_json
from tests.end_to_end.published.relay import Exchange
from tests.end_to_end.published.shape import mismatches
from tests.end_to_end.published.world import World
from tests.end_to_end.system import wait_until

CREDENTIALS: Final = ("authorization", "x-api-key", "x-api-token")


def compare(world: World, fact: Fact) -> None:
    """Each call of the facts was made, in this order and no other, and was answered as they say."""
    wait_until(lambda: len(world.asked()) >= len(fact.calls), timeout=5, what=lambda: f"asked: {world.asked()}")
    asked = world.asked()
    assert [f"{exchange.method} {exchange.path}" for exchange in asked] == [world.fill(call.ask) for call in fact.calls]
    for exchange, call in zip(asked, fact.calls, strict=True):
        request(world, exchange, call)
        answer(world, exchange, call)


def request(world: World, exchange: Exchange, call: Call) -> None:
    """The call was made with the headers and the body of the facts, and with no other credential."""
    sent = {name: exchange.headers[name] for name in CREDENTIALS if name in exchange.headers}
    expected = {name: world.fill(value) for name, value in (call.sends or {}).items()}
    assert sent == {name: value for name, value in expected.items() if name in CREDENTIALS}
    if call.form is not None:
        parts(exchange.body, call.form)
    elif call.body is None:
        assert exchange.body == b""
    else:
        assert json.loads(exchange.body) == filled_json(call.body, world.values)


def parts(body: bytes, form: Mapping[str, str]) -> None:
    """A form was sent that has these fields (RFC 7578)."""
    for name, value in form.items():
        assert f'name="{name}"'.encode() in body
        content = f'filename="{value[1:]}"' if value.startswith("@") else f"\r\n\r\n{value}\r\n"
        assert content.encode() in body


def answer(world: World, exchange: Exchange, call: Call) -> None:
    """The call was answered with the status and the shape of the facts."""
    assert exchange.status == call.status, exchange
    if call.answer is not None:
        shape = filled_json(call.answer, world.values)
        assert list(mismatches(exchange.json(), shape)) == []
    if call.begins is not None:
        assert exchange.answer.decode().splitlines()[0] == world.fill(call.begins)
