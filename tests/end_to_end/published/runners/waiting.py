"""Waits for an example that listens: until it is connected, then until it has shown what it heard."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from tests.end_to_end.published.facts import Fact, filled_json
from tests.end_to_end.published.given import GIVEN
from tests.end_to_end.published.shape import mismatches
from tests.end_to_end.published.world import World
from tests.end_to_end.system import wait_until
from tests.patience import PATIENCE


def let_happen(world: World, fact: Fact) -> None:
    """Once every call of the example is answered, let come to be what it listens for."""
    wait_until(
        lambda: sum(exchange.status > 0 for exchange in world.asked()) >= len(fact.calls),
        timeout=PATIENCE,
        what=lambda: f"asked: {world.asked()}",
    )
    for name in fact.meanwhile:
        GIVEN[name](world)


def until_shown(world: World, fact: Fact, lines: Callable[[], Sequence[str]], *, as_printed: bool) -> None:
    """Wait until the example has shown what the facts say: their lines as printed, their message as JSON if not."""
    shown = all_lines if as_printed else a_message
    wait_until(lambda: shown(world, fact, lines()), timeout=PATIENCE, what=lambda: f"shown: {lines()}")


def all_lines(world: World, fact: Fact, lines: Sequence[str]) -> bool:
    patterns = [world.fill(pattern) for pattern in fact.prints]
    return all(any(re.fullmatch(pattern, line) for line in lines) for pattern in patterns)


def a_message(world: World, fact: Fact, lines: Sequence[str]) -> bool:
    if fact.says is None:
        return True
    shape = filled_json(fact.says, world.values)
    return any(not list(mismatches(message(line), shape)) for line in lines)


def message(line: str) -> Any:
    """The value of a line of JSON; None for another line."""
    try:
        return json.loads(line)
    except ValueError:
        return None
