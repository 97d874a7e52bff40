"""Looks at the files of an instance: those a document names, and the configuration it prints."""

import httpx
import yaml

from tests.end_to_end.published.facts import Fact
from tests.end_to_end.published.given.bots import folder
from tests.end_to_end.published.shape import mismatches
from tests.end_to_end.published.world import World
from tests.end_to_end.system import wait_until
from tests.patience import PATIENCE


def look(world: World, fact: Fact, text: str | None) -> None:
    """Each file the facts name is in the folder of the instance, and the document names it too."""
    place = folder(world)
    assert place.parts[-4:-1] == ("tenants", "user-dev-user-123", "bots")
    for name in fact.names:
        wait_until(lambda name=name: any(place.glob(name)), timeout=PATIENCE, what=lambda name=name: name)  # type: ignore[misc]
        last = name.rpartition("/")[2].replace("*", "{timestamp}")
        assert text is None or last in text


def validate(world: World, fact: Fact, text: str | None) -> None:
    """The printed configuration is found valid when it is written by hand."""
    config = yaml.safe_load(world.fill(text)) if text is not None else (fact.variables or {})
    assert list(mismatches(config, fact.says)) == []
    (folder(world) / "config.yaml").write_text(yaml.safe_dump(config) if text is None else text)
    url = f"{world.system.url}/api/bot-instances/{world.values['instance']}"
    httpx.post(f"{url}/validate", trust_env=False).raise_for_status()

    def found() -> str:
        return str(httpx.get(f"{url}/validation", trust_env=False).json())

    wait_until(lambda: "'valid'" in found() or "'invalid'" in found(), timeout=30, what=found)
    assert "'valid'" in found(), found()
