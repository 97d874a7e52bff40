"""Environments that examples need; one is kept for all that do not delete it."""

from typing import Final

from tests.end_to_end.environment_calls import PATH, comes_to, create
from tests.end_to_end.published.world import World
from tests.end_to_end.system import wait_until


def running(world: World) -> None:
    _kept(world)
    if comes_to(world.system, world.values["environment"], "RUNNING", "STOPPED")["status"] == "STOPPED":
        world.ask("POST", "/api/v1/environments/<environment>/start")
        comes_to(world.system, world.values["environment"], "RUNNING")


def stopped(world: World) -> None:
    _kept(world)
    if comes_to(world.system, world.values["environment"], "RUNNING", "STOPPED")["status"] == "RUNNING":
        world.ask("POST", "/api/v1/environments/<environment>/stop")
        comes_to(world.system, world.values["environment"], "STOPPED")


def one_to_delete(world: World) -> None:
    """One that another example has created and that nobody needs, or a new one."""
    there = world.ask("GET", PATH)["environments"]
    spare = [one["id"] for one in there if one["id"] != world.values.get("kept") and one["status"] != "DELETING"]
    world.values["environment"] = spare[0] if spare else create(world.system)
    comes_to(world.system, world.values["environment"], "RUNNING")


def delete_all(world: World) -> None:
    """Leave no environment behind, and wait until the last one is gone."""
    for environment in world.ask("GET", f"{PATH}?pageSize=100")["environments"]:
        world.ask("DELETE", f"{PATH}/{environment['id']}")
    wait_until(
        lambda: world.ask("GET", PATH)["total"] == 0,
        timeout=60,
        what=lambda: f"{world.ask('GET', PATH)}\n{world.system.output('worker')}",
    )


def _kept(world: World) -> None:
    if "kept" not in world.values:
        world.values["kept"] = create(world.system, baseImage="mcr.microsoft.com/devcontainers/base:ubuntu")
    world.values["environment"] = world.values["kept"]


GIVEN: Final = {
    "an environment that runs": running,
    "an environment that is stopped": stopped,
    "an environment to delete": one_to_delete,
}
