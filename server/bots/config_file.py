"""The text of config.yaml: defaults, reading, changing, and what its known keys must be.

Pure. The keys are those of the published document; others are kept as they are. Whether the phases make sense is for
the worker to say, which knows the nodes.
"""

import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Final
from zoneinfo import available_timezones

import yaml
from google.protobuf.struct_pb2 import Struct, Value

from server.bots.tenant_folder import path_refusal
from server.errors import InvalidArgument, Violation

MAX_BYTES: Final = 1 << 20
# A key with a number takes 16 bytes in a Struct and 5 in YAML ("k: 1"); nothing else has a greater ratio. More than
# that is not even looked at: YAML takes some 20 us to write for each value.
_MAX_STRUCT_BYTES: Final = 4 * MAX_BYTES

# Of config ids: a Run names its configuration by the content of the file.
_CONFIG_IDS: Final = uuid.UUID("6f0f6f0e-6f6e-4c69-8d51-2f3f6f3a3b11")

BOT_CODE: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")

# A Struct carries every number as a double; above this an integer is no longer exact.
_EXACT: Final = 2.0**53

Config = dict[str, object]


class ConfigBroken(InvalidArgument):
    """The file is not YAML, or not a map of keys to values."""


def defaults(bot_code: str) -> Config:
    """Return the configuration of a new instance."""
    return {
        "bot_code": bot_code,
        "headless": True,
        "timezone": "UTC",
        "cookies_path": "./secrets/storageState.json",
        "inputs": {"captions_csv": "./inputs/captions.csv", "media_dir": "./inputs/media"},
        "phases": [],
        "params": {},
    }


def config_id(data: bytes) -> str:
    """Return the UUID that stands for this content of the file."""
    return str(uuid.uuid5(_CONFIG_IDS, data.decode("latin-1")))


def parse(data: bytes) -> Config:
    """Return the keys and values of the file.

    Raises:
        ConfigBroken: it is not YAML, or not a map; the message tells the line.
    """
    try:
        parsed = yaml.safe_load(data.decode())
    except UnicodeDecodeError as error:
        raise ConfigBroken("config.yaml must be UTF-8") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f", line {mark.line + 1}" if mark is not None else ""
        raise ConfigBroken(f"config.yaml is not YAML{where}: {error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # A date like 2024-13-45 ends as ValueError, brackets without end as RecursionError.
        raise ConfigBroken("config.yaml is not YAML that can be read") from error
    if not isinstance(parsed, dict) or not all(isinstance(key, str) for key in parsed):
        raise ConfigBroken("config.yaml must be a map of names to values")
    return parsed


def render(config: Config) -> bytes:
    """Return the text of the file, keys in their order.

    Raises:
        InvalidArgument: it is larger than 1 MiB.
    """
    text: str = yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=120)
    data = text.encode()
    if len(data) > MAX_BYTES:
        raise _too_large()
    return data


def _too_large() -> InvalidArgument:
    return InvalidArgument.field("config", f"must be at most {MAX_BYTES} bytes as YAML")


def lay_over(present: Mapping[str, object], changes: Mapping[str, object]) -> Config:
    """Return `present` with `changes` laid over it: maps are merged, null removes a key, anything else replaces."""
    merged = dict(present)
    for key, value in changes.items():
        below = merged.get(key)
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            merged[key] = lay_over(below if isinstance(below, dict) else {}, value)
        else:
            merged[key] = value
    return merged


def from_struct(struct: Struct) -> Config:
    """Return the plain values of `struct`; whole numbers become integers again.

    Raises:
        InvalidArgument: it is too large for the file in any case.
    """
    if struct.ByteSize() > _MAX_STRUCT_BYTES:
        raise _too_large()
    return _plain_map(struct)


def _plain_map(struct: Struct) -> Config:
    return {key: _plain(value) for key, value in struct.fields.items()}


def _plain(value: Value) -> object:
    match value.WhichOneof("kind"):
        case "bool_value":
            return value.bool_value
        case "string_value":
            return value.string_value
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() and abs(number) <= _EXACT else number
        case "struct_value":
            return _plain_map(value.struct_value)
        case "list_value":
            return [_plain(item) for item in value.list_value.values]
        case _:
            return None


def check(config: Config, *, bot_code: str) -> None:
    """Check the known keys.

    Raises:
        InvalidArgument: one of them has the wrong type or value; all are named, as `config.<key>`.
    """
    found = list(violations(config, bot_code=bot_code))
    if found:
        sentence = "; ".join(f"{violation.field} {violation.message}" for violation in found)
        raise InvalidArgument(sentence, violations=found)


def violations(config: Config, *, bot_code: str) -> Iterator[Violation]:
    """Yield what is wrong with the known keys, in the order of the file."""
    if config.get("bot_code") != bot_code:
        yield Violation("config.bot_code", f"must be {bot_code!r}, the bot code of the instance")
    for key, complaint in _RULES.items():
        # What is required complains about None itself.
        if key in config or key in _REQUIRED:
            message = complaint(config.get(key))
            if message is not None:
                yield Violation(f"config.{key}", message)
    yield from _input_violations(config.get("inputs", {}))
    yield from _phase_violations(config.get("phases", []))


def _boolean(value: object) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _timezone(value: object) -> str | None:
    known = isinstance(value, str) and value in available_timezones()
    return None if known else "must be the IANA name of a time zone, like Europe/Amsterdam"


def _path(value: object) -> str | None:
    return path_refusal(value) if isinstance(value, str) else "must be a path"


def _map(value: object) -> str | None:
    return None if isinstance(value, dict) else "must be a map"


def _list(value: object) -> str | None:
    return None if isinstance(value, list) else "must be a list"


def _text(value: object) -> str | None:
    return None if isinstance(value, str) and value else "must be a text"


_REQUIRED: Final = frozenset({"headless", "timezone"})
_RULES: Final[Mapping[str, Callable[[object], str | None]]] = {
    "headless": _boolean,
    "timezone": _timezone,
    "locale": _text,
    "cookies_path": _path,
    "inputs": _map,
    "phases": _list,
    "params": _map,
}


def _input_violations(inputs: object) -> Iterator[Violation]:
    if not isinstance(inputs, dict):
        return
    for key in ("captions_csv", "media_dir"):
        message = _path(inputs[key]) if key in inputs else None
        if message is not None:
            yield Violation(f"config.inputs.{key}", message)


def _phase_violations(phases: object) -> Iterator[Violation]:
    if not isinstance(phases, list):
        return
    for number, phase in enumerate(phases):
        if not isinstance(phase, dict):
            yield Violation(f"config.phases[{number}]", "must be a map with a name and steps")
        elif _text(phase.get("name")) is not None:
            yield Violation(f"config.phases[{number}].name", "must be a text")
        elif not isinstance(phase.get("steps"), list):
            yield Violation(f"config.phases[{number}].steps", "must be a list")
