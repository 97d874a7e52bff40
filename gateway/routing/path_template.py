"""Path templates of google.api.http, parsed.

The grammar stands in the comments of google/api/http.proto:

    Template = "/" Segments [ Verb ] ;
    Segments = Segment { "/" Segment } ;
    Segment  = "*" | "**" | LITERAL | Variable ;
    Variable = "{" FieldPath [ "=" Segments ] "}" ;
    FieldPath = IDENT { "." IDENT } ;
    Verb     = ":" LITERAL ;
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

ONE: Final = "*"
REST: Final = "**"

_FIELD_PATH: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*", re.ASCII)
# What may stand in a path segment by RFC 3986, section 3.3, without "*" and ":", which mean something here.
_LITERAL: Final = re.compile(r"([A-Za-z0-9\-._~!$&'()+,;=@]|%[0-9A-Fa-f]{2})+", re.ASCII)
# A slash outside braces.
_SLASH: Final = re.compile(r"/(?![^{}]*\})")


class TemplateInvalid(ValueError):
    """The text is no path template; the message quotes it."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A field that takes a stretch of the path."""

    field_path: str
    first: int
    """Index of its first segment."""
    end: int | None
    """Index behind its last segment; None when it reaches to the end of the path."""
    single: bool
    """Whether it is exactly one segment by its pattern "*"; only then is %2F decoded in it."""


@dataclass(frozen=True, slots=True)
class PathTemplate:
    """A parsed template."""

    segments: tuple[str, ...]
    """Literals, ONE and REST, in order; variables are unfolded."""
    verb: str
    """Without its colon; empty when there is none."""
    variables: tuple[Variable, ...]


@lru_cache(maxsize=4096)
def parse_template(text: str) -> PathTemplate:
    """The template that `text` spells. "/" is the template without segments.

    Raises:
        TemplateInvalid: `text` does not follow the grammar, binds a field twice, or has segments behind "**".
    """
    if not text.startswith("/"):
        raise TemplateInvalid(f"path template {text!r} must start with /")
    path, verb = _cut_verb(text)
    segments: list[str] = []
    variables: list[Variable] = []
    for part in _SLASH.split(path[1:]) if path != "/" else ():
        if part.startswith("{"):
            variables.append(_variable(part, text, segments))
        else:
            segments.append(_segment(part, text))
    if REST in segments[:-1]:
        raise TemplateInvalid(f"path template {text!r} has segments behind **")
    if len({variable.field_path for variable in variables}) < len(variables):
        raise TemplateInvalid(f"path template {text!r} binds a field twice")
    return PathTemplate(tuple(segments), verb, tuple(variables))


def _cut_verb(text: str) -> tuple[str, str]:
    path, colon, verb = text.rpartition(":")
    if not colon or "/" in verb or "}" in verb:
        return text, ""
    if not _LITERAL.fullmatch(verb):
        raise TemplateInvalid(f"path template {text!r} has no valid verb behind its colon")
    return path, verb


def _variable(part: str, text: str, segments: list[str]) -> Variable:
    """Append the segments of the variable `part` to `segments` and return it."""
    if not part.endswith("}"):
        raise TemplateInvalid(f"path template {text!r} does not close a variable at the end of its segment")
    field_path, equals, pattern = part[1:-1].partition("=")
    if not _FIELD_PATH.fullmatch(field_path):
        raise TemplateInvalid(f"path template {text!r} has a variable without a valid field path")
    inner = [_segment(piece, text) for piece in pattern.split("/")] if equals else [ONE]
    first = len(segments)
    segments.extend(inner)
    end = None if inner[-1] == REST else len(segments)
    return Variable(field_path, first, end, single=inner == [ONE])


def _segment(piece: str, text: str) -> str:
    if piece in (ONE, REST):
        return piece
    if not _LITERAL.fullmatch(piece):
        raise TemplateInvalid(f"path template {text!r} has an invalid segment {piece!r}")
    return piece
