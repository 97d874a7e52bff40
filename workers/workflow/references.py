"""References in texts: `{{name}}`, `{{node.port}}`, `{{a.b[0].c}}`, `{{$currentDate}}`; older `${name}` and `%name%`.

A text that is exactly one reference becomes what it refers to, with its type. What a reference means nothing to stays
as it is written. A reference is looked up, never evaluated, and what is put in is not looked at again. Pure.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from workers.workflow.errors import GraphInvalid, NodeFailed
from workers.workflow.scope import MISSING, Scope
from workers.workflow.values import as_text

# A text made by references may not grow beyond this, so that a loop cannot double one until memory ends.
TEXT_LIMIT: Final = 10_000_000
# Lists and objects of a configuration within one another.
DEPTH_LIMIT: Final = 100
_SHORT: Final = 2000

_WRITTEN: Final = re.compile(r"\{\{([^{}\n]{1,300})\}\}|\$\{([^{}\n]{1,300})\}|%([A-Za-z_]\w{0,99})%")
_FIRST: Final = re.compile(r"\$?[^.\[\]\s\"'](?:[^.\[\]\"']*[^.\[\]\s\"'])?")
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(-?\d{1,9})\]|\[\"([^\"\]]*)\"\]|\['([^'\]]*)'\]")

# Makes a value out of a scope.
Resolve = Callable[[Scope], Any]


class Reference(NamedTuple):
    """A reference as it is written, and the way it leads: a name, then keys (text) and places (numbers)."""

    written: str
    name: str
    path: tuple[str | int, ...]


class Constant(NamedTuple):
    """A value that holds no reference."""

    value: Any


def parse(text: str) -> tuple[str | Reference, ...]:
    """Split `text` into plain pieces and references; what cannot be a reference is plain."""
    # Long ones come by the run, each another one, and would be held for nothing.
    return _parse_again(text) if len(text) <= _SHORT else _parse(text)


@lru_cache(maxsize=4096)
def _parse_again(text: str) -> tuple[str | Reference, ...]:
    return _parse(text)


def _parse(text: str) -> tuple[str | Reference, ...]:
    pieces: list[str | Reference] = []
    end = 0
    for match in _WRITTEN.finditer(text):
        reference = reference_of(match[0], next(group for group in match.groups() if group is not None))
        if reference is None:
            continue
        if match.start() > end:
            pieces.append(text[end : match.start()])
        pieces.append(reference)
        end = match.end()
    if end < len(text):
        pieces.append(text[end:])
    return tuple(pieces)


def reference_of(written: str, inside: str) -> Reference | None:
    """Read what stands between braces, None when it cannot be a reference."""
    inside = inside.strip()
    first = _FIRST.match(inside)
    if first is None:
        return None
    path: list[str | int] = []
    position = first.end()
    while position < len(inside):
        step = _STEP.match(inside, position)
        if step is None:
            return None
        name, place, *quoted = step.groups()
        path.append(int(place) if place is not None else next(key for key in (name, *quoted) if key is not None))
        position = step.end()
    return Reference(written, first[0], tuple(path))


def look_up(reference: Reference, scope: Scope) -> Any:
    """Return what `reference` means, MISSING when nothing."""
    here = scope.find(reference.name)
    if here is MISSING:
        return _of_dotted_node(reference, scope)
    return follow(here, reference.path)


def follow(value: Any, path: tuple[str | int, ...]) -> Any:
    """Return what `path` leads to within `value`, MISSING when nothing. Negative places count from the end."""
    here = value
    for key in path:
        if isinstance(here, Mapping):
            here = here.get(key if isinstance(key, str) else str(key), MISSING)
        elif isinstance(here, list):
            place = key if isinstance(key, int) else int(key) if key.lstrip("-").isdigit() else None
            here = here[place] if place is not None and -len(here) <= place < len(here) else MISSING
        else:
            return MISSING
        if here is MISSING:
            return MISSING
    return here


def _of_dotted_node(reference: Reference, scope: Scope) -> Any:
    """Return what a reference means whose node has a dot in its id."""
    name = reference.name
    for number, key in enumerate(reference.path):
        if not isinstance(key, str):
            break
        name = f"{name}.{key}"
        outputs = scope.outputs_of(name)
        if outputs is not None:
            return follow(outputs, reference.path[number + 1 :])
    return MISSING


def compile_value(value: Any, depth: int = 0) -> Constant | Resolve:
    """Return `value` as a constant, or as what replaces the references within it; keys of objects are left alone.

    Raises:
        GraphInvalid: it is nested too deeply.
    """
    if isinstance(value, str):
        return compile_text(value)
    if not isinstance(value, dict | list):
        return Constant(value)
    if depth > DEPTH_LIMIT:
        raise GraphInvalid(f"its configuration is nested more than {DEPTH_LIMIT} deep")
    if isinstance(value, dict):
        inner = {key: compile_value(one, depth + 1) for key, one in value.items()}
        if all(isinstance(one, Constant) for one in inner.values()):
            return Constant(value)
        return lambda scope: {key: resolved(one, scope) for key, one in inner.items()}
    items = [compile_value(one, depth + 1) for one in value]
    if all(isinstance(one, Constant) for one in items):
        return Constant(value)
    return lambda scope: [resolved(one, scope) for one in items]


def resolved(compiled: Constant | Resolve, scope: Scope) -> Any:
    """Return the value of what `compile_value` made."""
    return compiled.value if isinstance(compiled, Constant) else compiled(scope)


def compile_text(text: str) -> Constant | Resolve:
    """Return a text as a constant, or as what replaces its references."""
    if "{" not in text and "%" not in text:
        return Constant(text)
    pieces = parse(text)
    if not any(isinstance(piece, Reference) for piece in pieces):
        return Constant(text)
    if len(pieces) == 1:
        reference = pieces[0]
        assert isinstance(reference, Reference)  # noqa: S101, for mypy: it is the only piece
        return lambda scope: _value_of(reference, scope)
    return lambda scope: _joined(pieces, scope)


def _value_of(reference: Reference, scope: Scope) -> Any:
    value = look_up(reference, scope)
    if value is MISSING:
        scope.unknown(reference.written)
        return reference.written
    return value


def _joined(pieces: tuple[str | Reference, ...], scope: Scope) -> str:
    made: list[str] = []
    left = TEXT_LIMIT
    for piece in pieces:
        text = piece if isinstance(piece, str) else as_text(_value_of(piece, scope))
        left -= len(text)
        if left < 0:
            raise NodeFailed(f"a text becomes longer than {TEXT_LIMIT:,} characters")
        made.append(text)
    return "".join(made)
