"""The events in the answers of a stream, by the `stream` option of the method; SSE and WebSocket share this reading."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from gateway.codec import dumper
from gateway.codec.enum_words import enum_words
from gateway.contract.services import ContractInvalid, Method
from gateway_options.v1 import options_pb2

WriteJson = Callable[[Message], bytes]

TEXT: Final = frozenset({FieldDescriptor.TYPE_STRING})
WORD: Final = frozenset({FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_ENUM})
MESSAGE: Final = frozenset({FieldDescriptor.TYPE_MESSAGE})


class EventKind(NamedTuple):
    """How one type of message is written as an event."""

    text: Callable[[Message], str]
    """What the event says: its `data` field, or its JSON."""
    id: Callable[[Message], str]
    """Its resume point; empty for none."""
    name: Callable[[Message], str]
    """What kind of event it is; empty for none."""
    is_json: bool
    """Whether `text` is JSON."""


class Events(NamedTuple):
    """How the answers of one method are taken apart."""

    items: Callable[[Message], list[Message]]
    """The events in an answer, without its end."""
    item: EventKind
    end_of: Callable[[Message], Message | None]
    """The end of the stream, where an answer has one."""
    end: EventKind | None
    """None when no answer ever has an end."""


def read_events(method: Method, write_json: WriteJson) -> Events:
    """Read the option. `write_json` writes an answer that is an event itself.

    Raises:
        ContractInvalid: the option names a field that is not there, or one of another type.
    """
    options = method.options.stream
    items, end = options.items, options.end
    item_type = _message_of(method, items, repeated=True) if items else method.output
    end_type = _message_of(method, end, repeated=False) if end else None
    return Events(
        items=_items(items, end),
        item=_kind(method, options, item_type, dumper(item_type, method.dialect) if items else write_json),
        end_of=(lambda answer: getattr(answer, end) if answer.HasField(end) else None) if end else lambda _: None,
        end=None
        if end_type is None
        else _kind(method, options, end_type, dumper(end_type, method.dialect), named=False),
    )


def _items(items: str, end: str) -> Callable[[Message], list[Message]]:
    if items:
        return lambda answer: list(getattr(answer, items))
    if end:
        return lambda answer: [] if answer.HasField(end) else [answer]
    return lambda answer: [answer]


def _kind(
    method: Method, options: options_pb2.Stream, descriptor: Descriptor, write_json: WriteJson, *, named: bool = True
) -> EventKind:
    if options.data:
        _check(method, descriptor, options.data, TEXT)
    if options.id:
        _check(method, descriptor, options.id, TEXT)
    return EventKind(
        text=_text(options.data) if options.data else lambda message: write_json(message).decode(),
        id=_text(options.id) if options.id else _nothing,
        name=_word(_check(method, descriptor, options.event, WORD)) if options.event and named else _nothing,
        is_json=not options.data,
    )


def _nothing(_message: Message) -> str:
    return ""


def _text(name: str) -> Callable[[Message], str]:
    def read(message: Any) -> str:
        text: str = getattr(message, name)
        return text

    return read


def _word(field: FieldDescriptor) -> Callable[[Message], str]:
    """Return what reads the text of a field, or the JSON word of its enum value; the unset value has none."""
    if field.enum_type is None:
        return _text(field.name)
    texts, name = enum_words(field.enum_type).texts, field.name

    def read(message: Any) -> str:
        number: int = getattr(message, name)
        return texts.get(number, "") if number else ""

    return read


def _message_of(method: Method, name: str, *, repeated: bool) -> Descriptor:
    found: Any = _check(method, method.output, name, MESSAGE, repeated=repeated).message_type
    descriptor: Descriptor = found
    return descriptor


def _check(
    method: Method, descriptor: Descriptor, name: str, types: frozenset[int], *, repeated: bool = False
) -> FieldDescriptor:
    field = descriptor.fields_by_name.get(name)
    if field is None:
        raise ContractInvalid(f"{method.full_name}: stream names {name!r}, which is no field of {descriptor.full_name}")
    if field.type not in types or field.is_repeated != repeated:
        raise ContractInvalid(f"{method.full_name}: stream names {name!r}, whose type does not fit")
    return field
