"""Query parameters into fields of a request.

A name leads to a field by JSON names or names of the .proto file, joined by dots. A repeated field takes each value in
turn; any other takes one. "+" is a space, as browsers send it.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from gateway.binding.parameter import NotAParameter, Parameter, fields_by_any_name, find_parameter
from gateway.codec.errors import ParseError
from gateway.codec.json_text import shortened
from gateway.errors import BadRequest, Violation

_BROKEN_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class QueryRules:
    """Which parameters a binding takes."""

    descriptor: Descriptor
    """The request."""
    taken: Collection[str]
    """Paths of fields that the URL path binds. The path wins, so these are skipped in the query."""
    body: str
    """As in the binding. What the body covers is no parameter."""
    ignored: Collection[str]
    """Names that mean something else."""
    ignore_unknown: bool
    """Whether names without a field are skipped instead of refused."""

    def bind(self, message: Message, query: bytes) -> list[Violation]:
        """Put the raw `query` into `message`; return what is wrong with it, one entry for each parameter.

        Raises:
            BadRequest: the query is not percent-encoded UTF-8.
        """
        return self.bind_pairs(message, _pairs(query))

    def bind_pairs(self, message: Message, pairs: Iterable[tuple[str, str]]) -> list[Violation]:
        """Put names and values into `message`; return what is wrong with them, one entry for each name."""
        violations: list[Violation] = []
        given: set[str] = set()
        for name, text in pairs:
            try:
                parameter = self._find(name)
                if parameter is not None:
                    _set_once(message, parameter, name, text, given)
            except ParseError as refusal:
                violations.extend(refusal.violations)
        return violations

    def _find(self, name: str) -> Parameter | None:
        """The field that `name` leads to; None when the parameter is to be skipped."""
        if name in self.ignored:
            return None
        try:
            if self._in_body(name):
                raise NotAParameter(unknown=True)
            parameter = find_parameter(self.descriptor, name)
        except NotAParameter as reason:
            if reason.unknown and self.ignore_unknown:
                return None
            raise ParseError(str(reason), shortened(name) or "''") from reason
        return None if parameter.path in self.taken else parameter

    def _in_body(self, name: str) -> bool:
        if self.body in ("", "*"):
            return self.body == "*"
        field = fields_by_any_name(self.descriptor).get(name.partition(".")[0].partition("[")[0])
        return field is not None and field.name == self.body


def refusal_of(violations: Sequence[Violation]) -> BadRequest:
    """Return the refusal of a request in which all this is wrong."""
    return BadRequest("; ".join(violation.message for violation in violations), violations)


def _set_once(message: Message, parameter: Parameter, name: str, text: str, given: set[str]) -> None:
    if (parameter.path in given and not parameter.field.is_repeated) or _given_otherwise(message, parameter, given):
        raise ParseError("must be given only once", name)
    given.add(parameter.path)
    rival = parameter.rival(message)
    if rival is not None:
        raise ParseError(f"must not be given together with {rival}", name)
    try:
        parameter.set(message, text)
    except ParseError as refusal:
        raise refusal.inside(name) from refusal


def _given_otherwise(message: Message, parameter: Parameter, given: set[str]) -> bool:
    """Whether a message that leads to the field was given as one text ("1.5s"), or the other way round."""
    outer = ""
    for parent in parameter.parents:
        outer = f"{outer}{parent}"
        if outer in given:
            return True
        outer += "."
    return parameter.path not in given and parameter.is_present(message)


def _pairs(query: bytes) -> Iterator[tuple[str, str]]:
    for pair in query.split(b"&"):
        if pair:
            name, _, value = pair.partition(b"=")
            yield _decode(name), _decode(value)


def _decode(part: bytes) -> str:
    if b"%" in part or b"+" in part:
        if _BROKEN_ESCAPE.search(part):
            raise BadRequest("query must have two hexadecimal digits behind each %")
        part = unquote_to_bytes(part.replace(b"+", b" "))
    try:
        return part.decode()
    except UnicodeDecodeError as error:
        raise BadRequest("query must be percent-encoded UTF-8") from error
