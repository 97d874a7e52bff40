"""Path templates of google.api.http as paths of OpenAPI, which know only variables of one segment.

`/v1/{name=shelves/*/books/*}` becomes `/v1/shelves/{name_1}/books/{name_2}`: clients encode slashes inside of a
variable, and no route would have the path they make.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from gateway.routing.path_template import ONE, REST, PathTemplate, Variable, parse_template

BRACED: Final = re.compile(r"\{[^}]*\}")


class Place(NamedTuple):
    """One variable of an OpenAPI path."""

    name: str
    field_path: str
    """Field of the request that its segments belong to; empty when no field takes them."""
    whole: bool
    """Whether the field is this variable and nothing else."""
    rest: bool
    """Whether it may hold any number of segments."""


class OpenApiPath(NamedTuple):
    """A path and its variables, in order."""

    text: str
    places: tuple[Place, ...]

    @property
    def shape(self) -> str:
        """The path without the names of its variables. OpenAPI takes paths of one shape for the same path."""
        return BRACED.sub("{}", self.text)

    def renamed(self, names: Sequence[str]) -> "OpenApiPath":
        """The same path with other names for its variables."""
        waiting = iter(names)
        text = BRACED.sub(lambda _: f"{{{next(waiting)}}}", self.text)
        places = (place._replace(name=name) for place, name in zip(self.places, names, strict=True))
        return OpenApiPath(text, tuple(places))


def openapi_path(template: str) -> OpenApiPath:
    """The path of a valid template."""
    parsed = parse_template(template)
    places = dict(_places(parsed))
    segments = (f"{{{places[at].name}}}" if at in places else text for at, text in enumerate(parsed.segments))
    verb = f":{parsed.verb}" if parsed.verb else ""
    return OpenApiPath(f"/{'/'.join(segments)}{verb}", tuple(places.values()))


def _places(template: PathTemplate) -> Iterator[tuple[int, Place]]:
    owners = {at: variable for variable in template.variables for at in _covered(variable, template)}
    for at, segment in enumerate(template.segments):
        if segment in (ONE, REST):
            yield at, _place(at, segment, owners.get(at), template)


def _covered(variable: Variable, template: PathTemplate) -> range:
    return range(variable.first, len(template.segments) if variable.end is None else variable.end)


def _place(at: int, segment: str, owner: Variable | None, template: PathTemplate) -> Place:
    if owner is None:
        return Place(f"segment_{at + 1}", "", whole=False, rest=segment == REST)
    covered = _covered(owner, template)
    wild = [index for index in covered if template.segments[index] in (ONE, REST)]
    name = owner.field_path if len(wild) == 1 else f"{owner.field_path}_{wild.index(at) + 1}"
    return Place(name, owner.field_path, whole=len(covered) == 1, rest=segment == REST)
