"""Sessions of browsers that examples need, each under an id of its own."""

import secrets
from typing import Any, Final

from tests.end_to_end.published.world import World


def new_session(world: World) -> None:
    """An id that nobody has registered."""
    world.values["session"] = f"s-{secrets.token_hex(6)}"


def session(world: World) -> None:
    new_session(world)
    register(world)


def register(world: World) -> None:
    body = {"profile_id": "profile_1", "device": "desktop", "target_url": "https://example.com"}
    _post(world, "register", body | {"proxy": "1.2.3.4:12321", "country": "US"})


def log_event(world: World) -> None:
    details = {"url": "https://example.com"}
    body = {"session_id": world.values["session"], "event_type": "navigation", "details": details}
    world.ask("POST", "/api/events", body)


def end(world: World) -> None:
    _post(world, "end", {"success": True, "duration": 15.0, "error": None})


def ended_session(world: World) -> None:
    session(world)
    log_event(world)
    end(world)


def failed_session(world: World) -> None:
    session(world)
    _post(world, "end", {"success": False, "duration": 15.0, "error": "no answer"})


def use_up_limit(world: World) -> None:
    """As many requests as an address may send, of an address of its own."""
    world.values["somebody_else"] = f"198.51.100.{secrets.randbelow(250) + 1}"
    for _ in range(100):
        world.ask("GET", "/api/ip/status", headers={"x-forwarded-for": world.values["somebody_else"]})


def _post(world: World, verb: str, body: dict[str, Any]) -> None:
    world.ask("POST", f"/api/sessions/{verb}", body | {"session_id": world.values["session"]})


GIVEN: Final = {
    "an id of a session": new_session,
    "a session": session,
    "it is registered": register,
    "it logs an event": log_event,
    "it ends": end,
    "an ended session": ended_session,
    "a failed session": failed_session,
    "a hundred requests of somebody else": use_up_limit,
}
