"""Bot instances that examples need."""

from pathlib import Path
from typing import Final

from tests.end_to_end.published.world import World

COOKIES: Final = {
    "cookies": [{"name": "a", "value": "b", "domain": "127.0.0.1", "path": "/", "expires": -1}],
    "origins": [],
}


def instance(world: World) -> None:
    world.values["instance"] = world.system.create_instance("noop")
    world.write("cookies.json", COOKIES)


def finished_run(world: World) -> None:
    """An instance whose run has ended; the same for all that only read it."""
    if "instance_that_ran" not in world.values:
        instance(world)
        run = world.system.start_run(world.values["instance"])
        world.system.wait_for(world.values["instance"], run, "success")
        world.values |= {"instance_that_ran": world.values["instance"], "run": run}
    world.values["instance"] = world.values["instance_that_ran"]


def started_run(world: World) -> None:
    instance(world)
    start_run(world)


def start_run(world: World) -> None:
    world.values["run"] = world.system.start_run(world.values["instance"])


def end_run(world: World) -> None:
    """A run that has ended, well or not."""
    start_run(world)
    world.system.wait_for(world.values["instance"], world.values["run"])


def f2f_post(world: World) -> None:
    """An instance of the documented bot with all the files its configuration names."""
    world.values["instance"] = world.system.create_instance("f2f_post")
    path = f"/api/bot-instances/{world.values['instance']}"
    world.system.client.post(f"{path}/upload-cookies", files={"file": str(COOKIES).replace("'", '"')})
    world.system.client.put(f"{path}/inputs/captions", content="caption\nhello\n").raise_for_status()


def folder(world: World) -> Path:
    """Where the instance of an example keeps its files."""
    found = world.ask("GET", "/api/bot-instances/<instance>")
    return Path(found["config_path"]).parent


GIVEN: Final = {
    "an instance": instance,
    "an instance that ran": finished_run,
    "a run that was started": started_run,
    "its run is started": start_run,
    "its run ends": end_run,
    "an instance of f2f_post": f2f_post,
}
