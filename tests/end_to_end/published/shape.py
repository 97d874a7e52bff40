"""What a JSON value must look like: its keys, its types and its fixed words.

A shape is written in YAML:

- `text`, `time`, `integer`, `number`, `boolean`, `any`: a value of that kind; `text or null` and so on: null is one
  too. A `time` is written as RFC 3339 has it.
- `=word|other`: exactly one of these texts. Numbers, true, false and null stand for themselves.
- `~pattern`: a text that the whole of a regular expression fits.
- `[shape]`: a list of at least one, each of this shape. `[]`: any list.
- an object: exactly these keys. `key?` may be missing; `key+` is one of ours that the document does not print;
  `"*": any` allows any further ones, `"*": <shape>` further ones of that shape.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

Shape = Any

KINDS: Final[Mapping[str, tuple[type, ...]]] = {
    "text": (str,),
    "time": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "any": (object,),
}
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def mismatches(value: Any, shape: Shape, *, printed: bool = False, at: str = "$") -> Iterator[str]:
    """Yield a sentence for each way in which `value` is not of `shape`, with the place as a JSON path.

    `printed`: the value is the example of a document, which has none of the keys that are ours.
    """
    if isinstance(shape, Mapping):
        yield from _of_object(value, shape, printed=printed, at=at)
    elif isinstance(shape, list):
        yield from _of_list(value, shape, printed=printed, at=at)
    elif not _fits(value, shape):
        yield f"{at}: {value!r} is not {shape!r}"


def _of_object(value: Any, shape: Mapping[str, Shape], *, printed: bool, at: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{at}: {value!r} is not an object"
        return
    shapes = {key.rstrip("?+"): inside for key, inside in shape.items() if not (printed and key.endswith("+"))}
    others = shapes.pop("*", None)
    for key in shape:
        name = key.rstrip("?+")
        if name in shapes and not key.endswith("?") and name not in value:
            yield f"{at}.{name}: missing"
    for name, inside in value.items():
        if name in shapes or others is not None:
            yield from mismatches(inside, shapes.get(name, others), printed=printed, at=f"{at}.{name}")
        else:
            yield f"{at}.{name}: nobody expects it"


def _of_list(value: Any, shape: list[Shape], *, printed: bool, at: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{at}: {value!r} is not a list"
    elif shape:
        if not value:
            yield f"{at}: it is empty"
        for position, inside in enumerate(value):
            yield from mismatches(inside, shape[0], printed=printed, at=f"{at}[{position}]")


def _fits(value: Any, shape: Shape) -> bool:
    if not isinstance(shape, str):
        return type(value) is type(shape) and bool(value == shape)
    if shape.startswith("="):
        return value in shape[1:].split("|")
    if shape.startswith("~"):
        return isinstance(value, str) and re.fullmatch(shape[1:], value) is not None
    kind = shape.removesuffix(" or null")
    if value is None:
        return kind != shape or kind == "any"
    # A bool is an int in Python and none in JSON.
    is_kind = isinstance(value, KINDS[kind]) and (kind in ("boolean", "any") or not isinstance(value, bool))
    return is_kind and (kind != "time" or _TIME.fullmatch(value) is not None)
