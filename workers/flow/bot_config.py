"""config.yaml of a bot instance: its keys, their types, their defaults. Pure but for `read`."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from workers.flow.errors import ConfigInvalid
from workers.flow.graph import Settings
from workers.flow.yaml_document import read_yaml

FILE_NAME: Final = "config.yaml"
# The contract's list ("Validation Checks"); everything else has a default.
REQUIRED: Final = ("bot_code", "headless", "timezone")

_BOT_CODE: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_LOCALE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")


@dataclass(frozen=True, slots=True)
class BotConfig:
    """A config.yaml whose keys have the right types. `phases` are not looked into here."""

    bot_code: str
    settings: Settings
    phases: list[object]
    params: Mapping[str, object]


def read(folder: Path) -> dict[str, object]:
    """Return the keys of config.yaml in an instance's folder, unchecked.

    Raises:
        ConfigInvalid: the file is missing, not YAML, or no map.
    """
    try:
        document = read_yaml((folder / FILE_NAME).read_bytes())
    except OSError as error:
        raise ConfigInvalid(f"{FILE_NAME} cannot be read: {error.strerror}") from error
    except ConfigInvalid as error:
        raise ConfigInvalid(f"{FILE_NAME}: {error}") from error
    if not isinstance(document, dict):
        raise ConfigInvalid(f"{FILE_NAME} must be a map of keys to values")
    return document


def parse(config: Mapping[str, object]) -> BotConfig:
    """Check the keys of config.yaml and fill in the defaults. Unknown keys are somebody else's and are passed over.

    Raises:
        ConfigInvalid: a key is missing, has the wrong type, or names no time zone; the first such mistake.
    """
    for name, check in CHECKS.items():
        if name in REQUIRED and config.get(name) is None:
            raise ConfigInvalid(f"{FILE_NAME}: {name!r} is missing")
        if config.get(name) is not None:
            check(name, config[name])
    given = {name: value for name, value in config.items() if value is not None}
    return BotConfig(
        bot_code=str(given["bot_code"]),
        settings=_settings(given),
        phases=_list("phases", given.get("phases", [])),
        params=_map("params", given.get("params", {})),
    )


def _settings(given: Mapping[str, object]) -> Settings:
    inputs = _map("inputs", given.get("inputs", {}))
    size = _map("viewport", given.get("viewport", {}))
    default = Settings()
    width, height = default.viewport
    return Settings(
        headless=given["headless"] is True,
        timezone=str(given["timezone"]),
        locale=str(given.get("locale", default.locale)),
        viewport=(
            _number("viewport.width", size.get("width", width)),
            _number("viewport.height", size.get("height", height)),
        ),
        cookies_path=str(given.get("cookies_path", default.cookies_path)),
        captions_csv=str(inputs.get("captions_csv", default.captions_csv)),
        media_dir=str(inputs.get("media_dir", default.media_dir)),
        step_limit=_number("step_limit", given.get("step_limit", default.step_limit)),
        trace_snapshots=given.get("trace_snapshots", default.trace_snapshots) is True,
    )


def check_bot_code(name: str, value: object) -> None:
    """Raise ConfigInvalid unless `value` can be a bot code."""
    if not isinstance(value, str) or not _BOT_CODE.fullmatch(value):
        raise _wrong(name, "be lower case letters, digits, '_' and '-'")


def check_boolean(name: str, value: object) -> None:
    """Raise ConfigInvalid unless `value` is true or false."""
    if not isinstance(value, bool):
        raise _wrong(name, "be true or false")


def check_timezone(name: str, value: object) -> None:
    """Raise ConfigInvalid unless `value` is the name of an IANA time zone."""
    if not isinstance(value, str):
        raise _wrong(name, "be the name of a time zone, such as Europe/Amsterdam")
    try:
        ZoneInfo(value)
    except (ValueError, OSError, KeyError) as error:  # bad characters, a folder of the database, not found
        raise _wrong(
            name, f"be the name of a time zone, such as Europe/Amsterdam; there is no {value!r:.60}"
        ) from error


def _check_locale(name: str, value: object) -> None:
    if not isinstance(value, str) or not _LOCALE.fullmatch(value):
        raise _wrong(name, "be a language tag, such as en-US")


def _check_path(name: str, value: object) -> None:
    if not isinstance(value, str) or not value or "\0" in value:
        raise _wrong(name, "be a path")


def _check_inputs(name: str, value: object) -> None:
    for key, path in _map(name, value).items():
        if key in ("captions_csv", "media_dir"):
            _check_path(f"{name}.{key}", path)


def _check_viewport(name: str, value: object) -> None:
    for key, size in _map(name, value).items():
        _number(f"{name}.{key}", size)


def _wrong(name: str, must: str) -> ConfigInvalid:
    return ConfigInvalid(f"{FILE_NAME}: {name!r} must {must}")


def _map(name: str, value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise _wrong(name, "be a map of names to values")
    return value


def _list(name: str, value: object) -> list[object]:
    if not isinstance(value, list):
        raise _wrong(name, "be a list")
    return value


def _number(name: str, value: object) -> int:
    # 1,000,000 steps of a browser are days; 10,000 pixels are more than Chromium paints in one piece.
    ceiling = 10_000 if name.startswith("viewport") else 1_000_000
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= ceiling:
        raise _wrong(name, f"be a whole number from 1 to {ceiling:,}")
    return value


CHECKS: Final[Mapping[str, Callable[[str, object], object]]] = {
    "bot_code": check_bot_code,
    "headless": check_boolean,
    "timezone": check_timezone,
    "locale": _check_locale,
    "viewport": _check_viewport,
    "cookies_path": _check_path,
    "inputs": _check_inputs,
    "step_limit": _number,
    "trace_snapshots": check_boolean,
    "phases": _list,
    "params": _map,
}
