"""Plain text of a path, a query or a header into a field of a message."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from gateway.codec import json_field
from gateway.codec.dialect import STRICT, Dialect
from gateway.codec.errors import ParseError
from gateway.codec.field_dialect import json_text
from gateway.codec.json_text import MAX_DEPTH, load
from gateway.codec.parser import message_builder
from gateway.codec.scalars import text_parser

# Well-known types with a JSON form that is text, which is read as in JSON.
_TEXT_TYPES: Final = frozenset({"google.protobuf.Timestamp", "google.protobuf.Duration"})
_FIELD_MASK: Final = "google.protobuf.FieldMask"
_MASK_PATH: Final = re.compile(r"[A-Za-z0-9_.*]*", re.ASCII)
_CAPITAL: Final = re.compile(r"[A-Z]")
# Well-known types whose JSON text is taken.
_JSON_TYPES: Final = frozenset({"google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue"})
# Well-known types that hold one scalar in a field `value`.
_WRAPPERS: Final = frozenset(
    f"google.protobuf.{name}Value"
    for name in ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
)


# Whatever dialect the bodies have.
_HEEDING: Final = Dialect(heeds_options=True)
# Longer names are looked up anew each time, so that what is kept of them stays small.
LONGEST_KNOWN: Final = 128


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """A field that can be given as text, below the message that a request starts with."""

    parents: tuple[str, ...]
    """Names of the message fields that lead to it, outermost first."""
    field: FieldDescriptor
    read: Callable[[str], Any]
    """Text to a value of the field, or of one element. Raises ParseError."""
    set: Callable[[Message, str], None]
    """Puts text into the field of a request; a repeated field gets one more element. Raises ParseError."""
    exclusive: bool
    """Whether the field, or a message that leads to it, shares a oneof with other fields."""

    @property
    def path(self) -> str:
        """Names of the .proto file, joined by dots."""
        return ".".join((*self.parents, self.field.name))

    def is_present(self, message: Message) -> bool:
        """Whether the field is one message and set in `message`."""
        if self.field.message_type is None or self.field.is_repeated:
            return False
        for name in self.parents:
            message = getattr(message, name)
        return message.HasField(self.field.name)

    def rival(self, message: Message) -> str | None:
        """Name of another field in `message` that this one, or a message that leads to it, shares a oneof with."""
        if not self.exclusive:
            return None
        for name in self.parents:
            other = _other_member(message, name)
            if other is not None:
                return other
            message = getattr(message, name)
        return _other_member(message, self.field.name)


def _other_member(message: Message, name: str) -> str | None:
    """The field that is set in `message` in place of `name`."""
    oneof = message.DESCRIPTOR.fields_by_name[name].containing_oneof
    member: str | None = None if oneof is None else message.WhichOneof(oneof.name)
    return None if member == name else member


class NotAParameter(Exception):
    """The path leads to no field, or to one that has no text form; the message completes "<path> ..."."""

    def __init__(self, predicate: str = "is not a known parameter", *, unknown: bool = False) -> None:
        super().__init__(predicate)
        self.unknown = unknown


def find_parameter(root: Descriptor, path: str) -> Parameter:
    """The field at `path`, for example "author.display_name"; JSON names and names of the .proto file may be mixed.

    Raises:
        NotAParameter: there is no such field, or it is a map or a message without text form.
    """
    return _find_known(root, path) if len(path) <= LONGEST_KNOWN else _find(root, path)


def _find(root: Descriptor, path: str) -> Parameter:
    parents: list[str] = []
    descriptor = root
    exclusive = False
    names = path.split(".", MAX_DEPTH)
    for place, name in enumerate(names):
        field = fields_by_any_name(descriptor).get(name)
        if field is None:
            field = fields_by_any_name(descriptor).get(name.partition("[")[0])
            if field is None or not _is_map(field):
                raise NotAParameter(unknown=True)
        exclusive = exclusive or (field.containing_oneof is not None and len(field.containing_oneof.fields) > 1)
        if _is_map(field):
            raise NotAParameter("is a map, which cannot be given as a parameter")
        if place == len(names) - 1:
            read = _reader(field)
            return Parameter(tuple(parents), field, read, _setter(parents, field, read), exclusive)
        if field.message_type is None:
            raise NotAParameter(unknown=True)
        if field.is_repeated:
            raise NotAParameter("is below a list of messages, which cannot be given as parameters")
        parents.append(field.name)
        descriptor = field.message_type
    raise NotAParameter(unknown=True)


# Names are the client's, and may be as many as it likes.
_find_known = lru_cache(maxsize=4096)(_find)


@cache
def fields_by_any_name(descriptor: Descriptor) -> Mapping[str, FieldDescriptor]:
    """Fields by JSON name and by name in the .proto file; a JSON name that is also another field's name goes first."""
    by_name = {field.name: field for field in descriptor.fields}
    return by_name | {field.json_name: field for field in descriptor.fields}


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


@cache
def _reader(field: FieldDescriptor) -> Callable[[str], Any]:
    message_type: Descriptor | None = field.message_type
    kind = json_text(field, _HEEDING)
    if kind:
        return json_field.parameter_reader(kind)
    if message_type is None:
        return text_parser(field)
    if message_type.full_name in _WRAPPERS:
        return _wrapper_reader(message_type)
    if message_type.full_name == _FIELD_MASK:
        return _mask_reader(message_type)
    build = message_builder(message_type, STRICT)
    if message_type.full_name in _TEXT_TYPES:
        return build
    if message_type.full_name in _JSON_TYPES:
        return lambda text: build(load(text.encode()))
    if field.is_repeated:
        raise NotAParameter("is a list of messages, which cannot be given as parameters")
    raise NotAParameter("is a message, whose fields are given one by one")


def _setter(
    parents: Sequence[str], field: FieldDescriptor, read: Callable[[str], Any]
) -> Callable[[Message, str], None]:
    name = field.name
    if parents:
        outermost, *rest = parents
        set_below = _setter(rest, field, read)
        return lambda message, text: set_below(getattr(message, outermost), text)
    if field.is_repeated:
        return lambda message, text: getattr(message, name).append(read(text))
    if field.message_type is not None:
        return lambda message, text: getattr(message, name).CopyFrom(read(text))
    if read is str:
        return lambda message, text: setattr(message, name, text)
    return lambda message, text: setattr(message, name, read(text))


def _wrapper_reader(wrapper: Descriptor) -> Callable[[str], Message]:
    wrapper_class = message_factory.GetMessageClass(wrapper)
    read = text_parser(wrapper.fields_by_name["value"])
    return lambda text: wrapper_class(value=read(text))


def _mask_reader(field_mask: Descriptor) -> Callable[[str], Message]:
    """ProtoJSON knows lowerCamelCase alone. Envoy and grpc-gateway take the names of the .proto file in parameters."""
    mask_class: Any = message_factory.GetMessageClass(field_mask)

    def read(text: str) -> Message:
        paths = text.split(",") if text else []
        if not all(map(_MASK_PATH.fullmatch, paths)):
            raise ParseError("must be field paths in lowerCamelCase or snake_case, joined by commas")
        mask: Message = mask_class(paths=[_CAPITAL.sub(lambda found: f"_{found[0].lower()}", path) for path in paths])
        return mask

    return read
