"""Paths as the log has them: without what is a secret of the contract."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from google.protobuf.descriptor import Descriptor

from gateway.binding.parameter import find_parameter
from gateway.contract.options import field_options
from gateway.contract.services import Method
from gateway.routing.path_template import ONE, REST, PathTemplate, Variable, parse_template

HIDDEN: Final = "***"


class RecordedPaths:
    """Hides segments that fill fields with the option `secret`, whether the request is answered or refused."""

    def __init__(self, methods: Iterable[Method]) -> None:
        self._patterns = tuple({pattern: re.compile(pattern) for pattern in _patterns(methods)}.values())

    def of(self, raw_path: bytes) -> str:
        """The path, still percent-encoded, so that none can write lines of its own."""
        path = raw_path.decode("latin-1")
        for pattern in self._patterns:
            path = pattern.sub(rf"\g<1>{HIDDEN}", path)
        return path


def _patterns(methods: Iterable[Method]) -> Iterator[str]:
    for method in methods:
        for binding in method.bindings:
            template = parse_template(binding.template)
            for variable in template.variables:
                if _is_secret(method.input, variable.field_path):
                    yield _pattern(template, variable)


def _pattern(template: PathTemplate, variable: Variable) -> str:
    """What comes before the secret in a group, then the secret: its segments, or everything up to the end."""
    before = "".join(f"/{_segment(segment)}" for segment in template.segments[: variable.first])
    if variable.end is None:
        return rf"^({before}/).+"
    return rf"^({before}/)[^/]+" + "/[^/]+" * (variable.end - variable.first - 1)


def _segment(segment: str) -> str:
    return "[^/]*" if segment in (ONE, REST) else re.escape(segment)


def _is_secret(descriptor: Descriptor, field_path: str) -> bool:
    return bool(field_options(find_parameter(descriptor, field_path).field).secret)
