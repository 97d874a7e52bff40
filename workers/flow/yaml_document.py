"""YAML as people write it by hand, read strictly: no duplicate keys, no aliases, no deep nesting, plain values only."""

from typing import Any, Final

import yaml

from workers.flow.errors import ConfigInvalid

SIZE_LIMIT_BYTES: Final = 1024 * 1024
DEPTH_LIMIT: Final = 60

# libyaml reads a config.yaml about ten times faster than the pure Python loader, which a start of 60 ms can feel.
_Loader: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _StrictLoader(_Loader):  # type: ignore[misc]  # the base is chosen at import
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise ConfigInvalid(
                    f"line {key_node.start_mark.line + 1}: the key {key!r} must be a text; put it in quotes"
                )
            if key in seen:
                raise ConfigInvalid(f"line {key_node.start_mark.line + 1}: the key {key!r} stands there twice")
            seen.add(key)
        made: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return made


def read_yaml(data: bytes) -> object:
    """Return what one YAML document says: maps, lists, texts, numbers, booleans, null.

    Raises:
        ConfigInvalid: it is not UTF-8, not YAML, too large, too deep, or uses aliases; names the line where it can.
    """
    if len(data) > SIZE_LIMIT_BYTES:
        raise ConfigInvalid(f"larger than {SIZE_LIMIT_BYTES // 1024} KiB")
    try:
        text = data.decode("utf-8")
        _check_events(text)
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506  it is a safe loader
    except UnicodeDecodeError as error:
        raise ConfigInvalid("not UTF-8 text") from error
    except yaml.YAMLError as error:
        raise ConfigInvalid(_in_one_line(error)) from error
    except ValueError as error:  # a date such as 2026-99-99
        raise ConfigInvalid(str(error)) from error


def _check_events(text: str) -> None:
    # Aliases let a small file stand for a huge one; depth lets it exhaust the stack. Neither is needed here.
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            raise ConfigInvalid(f"line {line}: aliases (*{event.anchor}) are not supported")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEPTH_LIMIT:
                raise ConfigInvalid(f"line {line}: nested more than {DEPTH_LIMIT} deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _in_one_line(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"not YAML, line {error.problem_mark.line + 1}: {error.problem}"
    return f"not YAML: {' '.join(str(error).split())}"
