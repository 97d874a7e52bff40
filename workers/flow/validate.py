"""Looks at everything a run would need, without running: the files of an instance, one check after the other.

Reads files only; opens no page, changes nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from workers.flow import bot_config, captions, storage_state, template
from workers.flow.bot_catalog import BotCatalog
from workers.flow.compile import compile_phases
from workers.flow.errors import ConfigInvalid, FlowError
from workers.flow.graph import Graph, Settings
from workers.flow.job_folder import JobFolder
from workers.flow.nodes.for_each import check_columns


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `message` says what was found; empty when there is nothing to say."""

    name: str
    ok: bool
    message: str = ""


def validate_config(folder: Path, catalog: BotCatalog, now: datetime) -> list[Check]:
    """Check an instance's folder: config, bot_code, headless, timezone, cookies, phases, inputs, in this order.

    `now` (aware) decides which cookies have expired. Every check is made, whatever the ones before it found; what
    cannot be checked at all, because config.yaml cannot be read, is left out.
    """
    try:
        config = bot_config.read(folder)
    except FlowError as error:
        return [Check("config", ok=False, message=str(error))]
    checks = [
        _check("config", lambda: _check_keys(config)),
        _check("bot_code", lambda: _check_bot_code(config, catalog)),
        _check("headless", lambda: _check_key(config, "headless")),
        _check("timezone", lambda: _check_key(config, "timezone")),
        _check("cookies", lambda: _check_cookies(folder, config, now)),
    ]
    graph: Graph | None = None
    if checks[1].ok:
        graph, phases = _compile(config, catalog)
        checks.append(phases)
    return [*checks, _check("inputs", lambda: _check_inputs(folder, config, graph))]


def _check(name: str, look: Callable[[], str | None]) -> Check:
    try:
        return Check(name, ok=True, message=look() or "")
    except FlowError as error:
        return Check(name, ok=False, message=str(error))


def _check_key(config: Mapping[str, object], name: str) -> None:
    value = config.get(name)
    if value is not None:
        bot_config.CHECKS[name](name, value)
    elif name in bot_config.REQUIRED:
        raise ConfigInvalid(f"{bot_config.FILE_NAME}: {name!r} is missing")


def _check_keys(config: Mapping[str, object]) -> None:
    """Check every key that has no check of its own, and tell all that is wrong."""
    mistakes = []
    for name in bot_config.CHECKS:
        if name not in (*bot_config.REQUIRED, "phases"):
            try:
                _check_key(config, name)
            except ConfigInvalid as mistake:
                mistakes.append(str(mistake))
    if mistakes:
        raise ConfigInvalid("; ".join(mistakes))


def _check_bot_code(config: Mapping[str, object], catalog: BotCatalog) -> None:
    _check_key(config, "bot_code")
    if not config.get("phases"):
        catalog.get(str(config["bot_code"]))


def _compile(config: Mapping[str, object], catalog: BotCatalog) -> tuple[Graph | None, Check]:
    try:
        graph = compile_phases(config.get("phases") or catalog.get(str(config["bot_code"])).phases)
    except ConfigInvalid as mistake:
        return None, Check("phases", ok=False, message=str(mistake))
    return graph, Check("phases", ok=True, message=f"{len(graph.nodes)} steps")


def _check_cookies(folder: Path, config: Mapping[str, object], now: datetime) -> str:
    path = JobFolder(folder).inside(str(config.get("cookies_path") or Settings().cookies_path))
    try:
        state = storage_state.parse(path.read_bytes())
    except FileNotFoundError:
        raise ConfigInvalid("the cookies file is not there; upload one") from None
    except OSError as error:
        raise ConfigInvalid(f"the cookies file cannot be read: {error.strerror}") from error
    expired = state.expired_count(now=now.timestamp())
    if state.cookies and expired == len(state.cookies):
        raise ConfigInvalid("all cookies have expired; log in again and upload them")
    return f"{len(state.cookies)} cookies" + (f", {expired} of them expired" if expired else "")


def _check_inputs(folder: Path, config: Mapping[str, object], graph: Graph | None) -> str:
    given = config.get("inputs")
    inputs = given if isinstance(given, Mapping) else {}
    needs = _needs(graph)
    found = []
    for key, default, look in (
        ("captions_csv", Settings().captions_csv, lambda path: _look_at_captions(path, needs.columns)),
        ("media_dir", Settings().media_dir, _look_at_media),
    ):
        name = str(inputs.get(key) or default)
        path = JobFolder(folder).inside(name)
        wanted = key in needs.keys or Path(name) != Path(default)
        if path.exists():
            found.append(look(path))
        elif wanted:
            raise ConfigInvalid(f"{name!r} ({key}) is not there")
    return ", ".join(found)


def _look_at_captions(path: Path, wanted: Sequence[str]) -> str:
    columns, rows = captions.read(path)
    check_columns(path.name, columns, wanted)
    return f"{len(rows)} captions"


def _look_at_media(path: Path) -> str:
    if not path.is_dir():
        raise ConfigInvalid(f"{path.name!r} (media_dir) is not a folder")
    return f"{sum(1 for _ in path.iterdir())} media files"


class _Needs(NamedTuple):
    """The inputs that the steps of a bot use: keys of `inputs`, and columns of the captions."""

    keys: frozenset[str]
    columns: tuple[str, ...]


def _needs(graph: Graph | None) -> _Needs:
    loops = [node.config for node in graph.nodes.values() if node.type == "for_each"] if graph else []
    keys = {"captions_csv" for config in loops if "rows" in config} | {
        "media_dir" for config in loops if "files" in config
    }
    columns = [column for config in loops for column in _texts(config.get("columns", []))]
    return _Needs(frozenset(keys), tuple(columns))


def _texts(value: object) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str) and not template.check(item)]
