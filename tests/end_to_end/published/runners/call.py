"""Makes the calls that belong to a printed body, to printed headers, or to a printed answer."""

import json
import re
from collections.abc import Mapping
from typing import Final

import httpx

from tests.end_to_end.published.facts import Call, Fact, filled_json
from tests.end_to_end.published.shape import mismatches
from tests.end_to_end.published.world import CALL_SECONDS, World
from tests.end_to_end.system import read_events

JSON: Final = {"content-type": "application/json"}


def send_body(world: World, fact: Fact, text: str | None) -> None:
    """Make the call with the printed body; with comments in it it would be refused, as what is no JSON is."""
    for call in fact.calls:
        content = None if text is None else world.fill(without_comments(text))
        make(world, call, content=content)


def send_headers(world: World, fact: Fact, text: str | None) -> None:
    """Make the call with the printed headers."""
    printed = None if text is None else dict(line.split(": ", 1) for line in world.fill(text).splitlines())
    for call in fact.calls:
        make(world, call, headers=printed)


def compare_answer(world: World, fact: Fact, text: str | None) -> None:
    """The printed answer has the shape of the facts, as the real one must have."""
    if text is not None:
        shape = fact.calls[-1].answer
        assert list(mismatches(json.loads(world.fill(text)), filled_json(shape, world.values), printed=True)) == []
    for call in fact.calls:
        make(world, call)


def compare_headers(world: World, fact: Fact, text: str | None) -> None:
    """The answer has headers of the printed names, with numbers."""
    (call,) = fact.calls
    names = list(fact.names) if text is None else [line.partition(":")[0].lower() for line in text.splitlines()]
    answer = make(world, call)
    assert names == fact.names
    assert [answer.headers[name].isdecimal() for name in names] == [True] * len(names)


def follow(world: World, fact: Fact, text: str | None) -> None:
    """The stream has lines like the printed ones, in their order."""
    (call,) = fact.calls
    events = [event.data for event in read_events(iter(make(world, call).text.splitlines()))]
    for position, pattern in enumerate(fact.prints):
        assert re.fullmatch(world.fill(pattern), events[position]), (pattern, events)
    if text is not None:
        printed = [event.data for event in read_events(iter([*world.fill(text).splitlines(), ""]))]
        assert len(printed) == len(fact.prints)
        for pattern, line in zip(fact.prints, printed, strict=True):
            assert re.fullmatch(world.fill(pattern), line)


def make(
    world: World, call: Call, *, content: str | None = None, headers: Mapping[str, str] | None = None
) -> httpx.Response:
    """Make a call; `content` and `headers` are those of the document, instead of the ones of the facts."""
    sends = {name: world.fill(value) for name, value in (call.sends or {}).items()}
    if content is None and call.body is not None:
        content = json.dumps(filled_json(call.body, world.values))
    every = {**(JSON if content is not None else {}), **(sends if headers is None else headers)}
    files = {
        name: (value[1:], (world.folder / value[1:]).read_bytes()) if value.startswith("@") else (None, value)
        for name, value in (call.form or {}).items()
    }
    return httpx.request(
        call.method,
        world.url(call),
        content=content,
        files=files or None,
        headers=every,
        timeout=CALL_SECONDS,
        trust_env=False,
    )


def without_comments(text: str) -> str:
    """Return printed JSON without its lines that are comments, which JSON has none of (RFC 8259)."""
    return re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)
