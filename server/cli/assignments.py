"""`key=value` words of a command line as a tree of JSON."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import yaml
from google.protobuf import struct_pb2

from server.cli.failures import CommandFailed, ExitCode

KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z_][A-Za-z0-9_-]*)*")


def to_struct(words: Iterable[str], *, over: dict[str, Any] | None = None) -> struct_pb2.Struct | None:
    """Return `words` laid over `over`, read as `to_tree` does, as a Struct; None when there is nothing in it.

    Raises:
        CommandFailed: a word is not key=value.
    """
    tree = to_tree(words, over=over)
    if not tree:
        return None
    struct = struct_pb2.Struct()
    struct.update(tree)
    return struct


def to_tree(words: Iterable[str], *, over: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return `words` laid over `over`.

    A dot in a key goes into a map (`inputs.media_dir=./other`). A value is read as YAML has it: 3 is a number, true a
    boolean, nothing is null; what YAML would make a date or the like stays text.

    Raises:
        CommandFailed: a word is not key=value.
    """
    tree: dict[str, Any] = dict(over or {})
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or not KEY.fullmatch(key):
            raise CommandFailed(f"{word!r} must be key=value", ExitCode.USAGE)
        put(tree, key.split("."), read_value(text))
    return tree


def put(tree: dict[str, Any], path: list[str], value: Any) -> None:
    """Set the entry of `tree` at `path`, making maps on the way."""
    *folders, name = path
    for folder in folders:
        below = tree.get(folder)
        tree[folder] = dict(below) if isinstance(below, dict) else {}
        tree = tree[folder]
    tree[name] = value


def read_value(text: str) -> Any:
    """Return the JSON value that `text` is in YAML, else `text` itself."""
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    return value if is_json(value) else text


def is_json(value: Any) -> bool:
    """Say whether `value` consists of JSON's types alone."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_json(item) for key, item in value.items())
    if isinstance(value, list):
        return all(is_json(item) for item in value)
    return value is None or isinstance(value, (str, bool, int, float))


def read_config_file(path: Path) -> dict[str, Any]:
    """Return the map that a YAML or JSON file holds.

    Raises:
        CommandFailed: it holds something else.
        OSError: it cannot be read.
    """
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CommandFailed(f"{path} is not YAML: {' '.join(str(error).split())}", ExitCode.USAGE) from error
    if not isinstance(content, dict) or not is_json(content):
        raise CommandFailed(f"{path} must hold a map of names and plain values", ExitCode.USAGE)
    return content
