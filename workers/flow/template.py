"""References in texts: `{{params.url}}`, `{{row.caption}}`, `{{a.b[0].c}}`, `{{row["my column"]}}`.

Pure. A reference is looked up, never evaluated: only keys of mappings and places in lists are reached, no attribute of
anything. What is put in is not looked at again, so a caption that holds `{{params.token}}` stays as it is.
"""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from workers.flow.errors import ConfigInvalid, StepFailed

# A text made by references may not grow beyond this, so that a loop cannot double one until memory ends.
TEXT_LIMIT: Final = 1_000_000

_BRACES: Final = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_NAME: Final = r"[^\W\d][\w-]*"
_STEP: Final = re.compile(rf"\.({_NAME})|\[(\d{{1,9}})\]|\[\"([^\"\]]*)\"\]|\['([^'\]]*)'\]")
_FIRST: Final = re.compile(_NAME)


class Reference(NamedTuple):
    """A parsed reference: as written, and the keys (text) and places (numbers, from 0) to follow."""

    text: str
    path: tuple[str | int, ...]


@lru_cache(maxsize=2048)
def parse(text: str) -> tuple[str | Reference, ...]:
    """Split `text` into plain pieces and references.

    Raises:
        ConfigInvalid: a pair of braces is left open or holds anything but a name to look up.
    """
    pieces: list[str | Reference] = []
    end = 0
    for match in _BRACES.finditer(text):
        pieces.append(text[end : match.start()])
        pieces.append(_reference(match[1].strip()))
        end = match.end()
    rest = text[end:]
    if "{{" in rest:
        raise ConfigInvalid(f"'{{{{' without '}}}}' in {_short(text)}")
    pieces.append(rest)
    return tuple(piece for piece in pieces if piece != "")


def check(value: object) -> bool:
    """Tell whether `value`, or anything inside it, holds a reference.

    Raises:
        ConfigInvalid: one of them is malformed.
    """
    if isinstance(value, str):
        return any(isinstance(piece, Reference) for piece in parse(value))
    if isinstance(value, Mapping):
        value = list(value.values())
    # All of them are looked at, so that no mistake hides behind the first reference.
    return isinstance(value, list) and sum(map(check, value)) > 0


def render(value: object, variables: Mapping[str, object]) -> object:
    """Return `value` with every reference in it replaced; keys of mappings are left alone.

    A text that is exactly one reference becomes what it refers to, with its type.

    Raises:
        StepFailed: a name is not known, or a text grows too long.
    """
    if isinstance(value, str):
        return _render_text(value, variables)
    if isinstance(value, Mapping):
        return {key: render(inner, variables) for key, inner in value.items()}
    if isinstance(value, list):
        return [render(inner, variables) for inner in value]
    return value


def as_text(value: object) -> str:
    """Write a value into the middle of a text: nothing for null, JSON for lists and mappings."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False, default=str)


def _render_text(text: str, variables: Mapping[str, object]) -> object:
    pieces = parse(text)
    if len(pieces) == 1 and isinstance(pieces[0], Reference):
        return _look_up(pieces[0], variables)
    made = [piece if isinstance(piece, str) else as_text(_look_up(piece, variables)) for piece in pieces]
    if sum(map(len, made)) > TEXT_LIMIT:
        raise StepFailed(f"{_short(text)} becomes longer than {TEXT_LIMIT:,} characters")
    return "".join(made)


def _look_up(reference: Reference, variables: Mapping[str, object]) -> object:
    here: object = variables
    for number, key in enumerate(reference.path):
        if isinstance(key, int):
            if not isinstance(here, list) or key >= len(here):
                raise StepFailed(_unknown(reference, number, here))
            here = here[key]
        else:
            if not isinstance(here, Mapping) or key not in here:
                raise StepFailed(_unknown(reference, number, here))
            here = here[key]
    return here


def _unknown(reference: Reference, number: int, here: object) -> str:
    key = reference.path[number]
    if isinstance(key, int):
        reason = f"has no item {key}"
    elif number == 0:
        return f"{{{{{reference.text}}}}}: nothing is called {key!r} here"
    else:
        reason = f"has no {key!r}"
    if isinstance(here, Mapping) and here:
        reason += f", only {', '.join(repr(name) for name in list(here)[:8])}"
    return f"{{{{{reference.text}}}}}: {_written(reference.path[:number])} {reason}"


def _written(path: tuple[str | int, ...]) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")


def _reference(text: str) -> Reference:
    first = _FIRST.match(text)
    if first is None:
        raise ConfigInvalid(f"{{{{{_short(text)}}}}} must be a name, such as {{{{params.url}}}}")
    path: list[str | int] = [first[0]]
    position = first.end()
    while position < len(text):
        step = _STEP.match(text, position)
        if step is None:
            raise ConfigInvalid(
                f"{{{{{_short(text)}}}}} must be a name and nothing else; it is looked up, not evaluated"
            )
        name, place, *quoted = step.groups()
        path.append(int(place) if place is not None else next(key for key in (name, *quoted) if key is not None))
        position = step.end()
    return Reference(text, tuple(path))


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
