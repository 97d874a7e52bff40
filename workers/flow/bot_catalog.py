"""The bots there are: those shipped in `workers/bots`, YAML files in a folder, Python entry points `switchyard.bots`.

A bot file has the keys `description`, `params` (defaults) and `phases`; its name without ".yaml" is the bot code.
An entry point is named like the bot code and refers to a function without arguments that returns phases, the contents
of such a file as a map, or the path of one. What stands in the folder goes before entry points, and these before what
is shipped.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Final

from workers import bots
from workers.flow.arguments import nearest
from workers.flow.errors import ConfigInvalid
from workers.flow.yaml_document import read_yaml

ENTRY_POINT_GROUP: Final = "switchyard.bots"
SHIPPED: Final = Path(bots.__file__).parent


@dataclass(frozen=True, slots=True)
class Bot:
    """A bot as its author ships it."""

    code: str
    phases: list[object]
    description: str = ""
    # Laid under `params` of config.yaml.
    params: Mapping[str, object] = field(default_factory=dict)


class BotCatalog:
    """Finds bots by code. A broken bot is an error only for those who ask for it."""

    def __init__(self, sources: Mapping[str, Callable[[], Bot]]) -> None:
        self._sources = sources

    @property
    def codes(self) -> list[str]:
        """Every known bot code, sorted."""
        return sorted(self._sources)

    def __contains__(self, code: str) -> bool:
        return code in self._sources

    def get(self, code: str) -> Bot:
        """Return the bot called `code`.

        Raises:
            ConfigInvalid: there is none, or it cannot be read.
        """
        source = self._sources.get(code)
        if source is None:
            hint = nearest(code, self.codes) or f"; there are {', '.join(self.codes)}"
            raise ConfigInvalid(f"there is no bot {code!r} and config.yaml gives no phases{hint}")
        return source()


def load_catalog(folder: Path | None = None) -> BotCatalog:
    """List the bots there are; `folder` (BOTS_DIR) may hold more of them. Nothing is read before it is asked for."""
    sources: dict[str, Callable[[], Bot]] = {}
    sources.update(_in_folder(SHIPPED))
    sources.update({entry.name: _from_entry_point(entry) for entry in entry_points(group=ENTRY_POINT_GROUP)})
    if folder is not None:
        sources.update(_in_folder(folder))
    return BotCatalog(sources)


def read_bot(code: str, path: Path) -> Bot:
    """Read a bot file.

    Raises:
        ConfigInvalid: it cannot be read, or its keys are not those of a bot.
    """
    try:
        return _bot(code, read_yaml(path.read_bytes()))
    except OSError as error:
        raise ConfigInvalid(f"the file of bot {code!r} cannot be read: {error.strerror}") from error
    except ConfigInvalid as error:
        raise ConfigInvalid(f"{path.name}: {error}") from error


def _in_folder(folder: Path) -> dict[str, Callable[[], Bot]]:
    return {path.stem: _from_file(path) for path in sorted(folder.glob("*.yaml"))}


def _from_file(path: Path) -> Callable[[], Bot]:
    return lambda: read_bot(path.stem, path)


def _from_entry_point(entry: EntryPoint) -> Callable[[], Bot]:
    def load() -> Bot:
        made = entry.load()()
        if isinstance(made, str | Path):
            return read_bot(entry.name, Path(made))
        if isinstance(made, list):
            return Bot(entry.name, made)
        return _bot(entry.name, made)

    return load


def _bot(code: str, document: object) -> Bot:
    if not isinstance(document, Mapping) or not isinstance(document.get("phases"), list) or not document["phases"]:
        raise ConfigInvalid(f"bot {code!r} must have a list of phases")
    params = document.get("params") or {}
    if not isinstance(params, Mapping):
        raise ConfigInvalid(f"'params' of bot {code!r} must be a map of names to values")
    return Bot(code, document["phases"], str(document.get("description") or ""), params)
