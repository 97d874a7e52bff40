"""Sessions at ComfyUI. Browsers take their time, so one that is there is used."""

from typing import Final

from tests.end_to_end.published.world import World
from tests.ports import free_port


def none(world: World) -> None:
    """No session, and a port for the browser of the next one."""
    if world.ask("GET", "/session/status")["active"]:
        world.ask("POST", "/session/stop", {"cancel_prompts": True})
    world.values["browser_port"] = str(free_port())


def session(world: World) -> None:
    status = world.ask("GET", "/session/status")
    if not status["active"]:
        world.values["browser_port"] = str(free_port())
        credentials = {"username": "YOUR_USERNAME", "password": "YOUR_PASSWORD", "url": world.comfyui_url}
        world.ask("POST", "/session/start", {"credentials": credentials})


def workflow(world: World) -> None:
    session(world)
    world.ask("POST", "/workflow/open", {"workflow_path": "workflows/my_workflow.json"})


GIVEN: Final = {
    "no session at ComfyUI": none,
    "a session at ComfyUI": session,
    "an open workflow": workflow,
}
