"""Plain text of a path, a query or a header into a field of a message."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from gateway.codec.dialect import STRICT
from gateway.codec.json_text import MAX_DEPTH, load
from gateway.codec.parser import message_builder
from gateway.codec.scalars import text_parser

# Well-known types with a JSON form that is text.
_TEXT_TYPES: Final = frozenset({"google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.FieldMask"})
# Well-known types whose JSON text is taken.
_JSON_TYPES: Final = frozenset({"google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue"})
# Well-known types that hold one scalar in a field `value`.
_WRAPPERS: Final = frozenset(
    f"google.protobuf.{name}Value"
    for name in ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
)


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """A field that can be given as text, below the message that a request starts with."""

    parents: tuple[str, ...]
    """Names of the message fields that lead to it, outermost first."""
    field: FieldDescriptor
    read: Callable[[str], Any]
    """Text to a value of the field, or of one element. Raises ParseError."""

    @property
    def path(self) -> str:
        """Names of the .proto file, joined by dots."""
        return ".".join((*self.parents, self.field.name))

    def set(self, message: Message, text: str) -> None:
        """Put `text` into the field, or append it when the field is repeated. Raises ParseError."""
        value = self.read(text)
        for name in self.parents:
            message = getattr(message, name)
        name = self.field.name
        if self.field.is_repeated:
            getattr(message, name).append(value)
        elif self.field.message_type is not None:
            getattr(message, name).CopyFrom(value)
        else:
            setattr(message, name, value)

    def rival(self, message: Message) -> str | None:
        """Name of the field that holds the oneof of this field in `message`, if it is another one."""
        oneof = self.field.containing_oneof
        if oneof is None:
            return None
        for name in self.parents:
            message = getattr(message, name)
        member: str | None = message.WhichOneof(oneof.name)
        return member if member != self.field.name else None


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
    parents: list[str] = []
    descriptor = root
    names = path.split(".", MAX_DEPTH)
    for place, name in enumerate(names):
        field = _fields_by_any_name(descriptor).get(name)
        if field is None:
            field = _fields_by_any_name(descriptor).get(name.partition("[")[0])
            if field is None or not _is_map(field):
                raise NotAParameter(unknown=True)
        if _is_map(field):
            raise NotAParameter("is a map, which cannot be given as a parameter")
        if place == len(names) - 1:
            return Parameter(tuple(parents), field, _reader(field))
        if field.message_type is None or field.is_repeated:
            raise NotAParameter(unknown=True)
        parents.append(field.name)
        descriptor = field.message_type
    raise NotAParameter(unknown=True)


@cache
def _fields_by_any_name(descriptor: Descriptor) -> Mapping[str, FieldDescriptor]:
    by_name = {field.name: field for field in descriptor.fields}
    return by_name | {field.json_name: field for field in descriptor.fields}


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


@cache
def _reader(field: FieldDescriptor) -> Callable[[str], Any]:
    message_type: Descriptor | None = field.message_type
    if message_type is None:
        return text_parser(field)
    if message_type.full_name in _WRAPPERS:
        return _wrapper_reader(message_type)
    build = message_builder(message_type, STRICT)
    if message_type.full_name in _TEXT_TYPES:
        return build
    if message_type.full_name in _JSON_TYPES:
        return lambda text: build(load(text.encode()))
    raise NotAParameter("is a message, whose fields are given one by one")


def _wrapper_reader(wrapper: Descriptor) -> Callable[[str], Message]:
    wrapper_class = message_factory.GetMessageClass(wrapper)
    read = text_parser(wrapper.fields_by_name["value"])
    return lambda text: wrapper_class(value=read(text))
