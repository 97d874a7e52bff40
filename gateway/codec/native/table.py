"""What the native transcoder has to know of a message, as rows of plain values; rows.c reads them.

The rows say of each field what parser.py and printer.py say of it in Python. A message or field that is FOREIGN is left
to these two whenever it has a value.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

import orjson
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from gateway.codec.dialect import Dialect, Nulls
from gateway.codec.enum_words import NULL_VALUE, enum_words
from gateway.codec.field_dialect import field_dialect, json_text, may_be_unset, value_dialect
from gateway_options.v1 import options_pb2

# (word, what it stands for)
_Words: TypeAlias = tuple[tuple[bytes, int], ...]
# (number, type, shape, presence, what is written when it is missing, integers are numbers, takes null, index of oneof,
# of message, of enum, key as written behind another field, key as read)
FieldRow: TypeAlias = tuple[int, int, int, bool, int, bool, bool, int, int, int, bytes, bytes]
# (kind, extendable, count of oneofs, names and indexes of fields, fields)
MessageRow: TypeAlias = tuple[int, bool, int, _Words, tuple[FieldRow, ...]]
# (takes any number, closed, null, words and numbers, numbers and JSON texts)
EnumRow: TypeAlias = tuple[bool, bool, bool, bool, _Words, tuple[tuple[int, bytes], ...]]

# As in table.h.
_FIELDS: Final = 0
_TIMESTAMP: Final = 1
_WRAPPER: Final = 7
_FOREIGN: Final = 8
_OFFSET_TIMESTAMP: Final = 9
_KINDS: Final[Mapping[str, int]] = {
    "google.protobuf.Timestamp": _TIMESTAMP,
    "google.protobuf.Duration": 2,
    "google.protobuf.FieldMask": 3,
    "google.protobuf.Struct": 4,
    "google.protobuf.Value": 5,
    "google.protobuf.ListValue": 6,
    "google.protobuf.DoubleValue": _WRAPPER,
    "google.protobuf.FloatValue": _WRAPPER,
    "google.protobuf.Int64Value": _WRAPPER,
    "google.protobuf.UInt64Value": _WRAPPER,
    "google.protobuf.Int32Value": _WRAPPER,
    "google.protobuf.UInt32Value": _WRAPPER,
    "google.protobuf.BoolValue": _WRAPPER,
    "google.protobuf.StringValue": _WRAPPER,
    "google.protobuf.BytesValue": _WRAPPER,
    # Any message may be in it, with fields beside "@type".
    "google.protobuf.Any": _FOREIGN,
}
_JSON_TYPES: Final[Mapping[int, int]] = {
    options_pb2.FieldOptions.JSON_TEXT_OBJECT: 19,
    options_pb2.FieldOptions.JSON_TEXT_ANY: 20,
}
_SINGLE, _LIST, _MAP = 0, 1, 2
_LEFT_OUT, _NULL, _DEFAULT = 0, 1, 2
_NONE: Final = -1
# MAX_FIELDS of table.h.
_MAX_FIELDS: Final = 512


class Rows:
    """The rows of a message, which is number 0, and of all messages and enums it may hold.

    A message that fields hold in several dialects has a row for each of them.
    """

    def __init__(self, root: Descriptor, dialect: Dialect) -> None:
        self._message_numbers: dict[tuple[Descriptor, Dialect], int] = {(root, dialect): 0}
        self._enum_numbers: dict[EnumDescriptor, int] = {}
        messages: list[MessageRow] = []
        waiting = list(self._message_numbers)
        while waiting:
            known = len(self._message_numbers)
            messages.extend([self._message_row(descriptor, own) for descriptor, own in waiting])
            waiting = list(self._message_numbers)[known:]
        self.messages = tuple(messages)
        self.enums = tuple([_enum_row(enum, dialect) for enum in self._enum_numbers])

    def _message_row(self, descriptor: Descriptor, dialect: Dialect) -> MessageRow:
        kind = message_kind(descriptor)
        if kind not in (_FIELDS, _WRAPPER):
            offset_time = kind == _TIMESTAMP and dialect.offset_times
            return _OFFSET_TIMESTAMP if offset_time else kind, False, 0, (), ()
        fields = tuple([self._field_row(field, dialect) for field in descriptor.fields])
        return kind, descriptor.is_extendable, len(descriptor.oneofs), _names(descriptor), fields

    def _field_row(self, field: FieldDescriptor, dialect: Dialect) -> FieldRow:
        # A group has no form of its own in JSON, but one in binary.
        message = field.message_type if field.type != FieldDescriptor.TYPE_GROUP else None
        inner = (message, value_dialect(field, dialect)) if message is not None else None
        enum, oneof, shape = field.enum_type, field.containing_oneof, _shape(field)
        own = field_dialect(field, dialect)
        name = field.name if dialect.proto_names else field.json_name
        kind = json_text(field, dialect)
        return (
            field.number,
            _JSON_TYPES[kind] if kind and shape != _MAP else field.type,
            shape,
            field.has_presence,
            _missing(own.nulls, may_be_unset=may_be_unset(field, dialect)),
            own.number_integers,
            shape == _SINGLE and _takes_null(field),
            oneof.index if oneof is not None else _NONE,
            self._message_numbers.setdefault(inner, len(self._message_numbers)) if inner is not None else _NONE,
            self._enum_numbers.setdefault(enum, len(self._enum_numbers)) if enum is not None else _NONE,
            b"," + orjson.dumps(name) + b":",
            name.encode(),
        )


def message_kind(descriptor: Descriptor) -> int:
    """What table.h calls the JSON form of a message."""
    is_message_set = descriptor.GetOptions().message_set_wire_format
    if is_message_set or len(descriptor.fields) > _MAX_FIELDS or len(descriptor.oneofs) > _MAX_FIELDS:
        return _FOREIGN
    return _KINDS.get(descriptor.full_name, _FIELDS)


def is_foreign(descriptor: Descriptor) -> bool:
    """Whether every message of `descriptor` is left to Python."""
    return message_kind(descriptor) == _FOREIGN


def _shape(field: FieldDescriptor) -> int:
    if not field.is_repeated:
        return _SINGLE
    return _MAP if field.message_type is not None and field.message_type.GetOptions().map_entry else _LIST


def _missing(nulls: Nulls, *, may_be_unset: bool) -> int:
    """What is written of a field that the binary form does not have."""
    if nulls is Nulls.PROTO_JSON:
        return _LEFT_OUT
    if not may_be_unset:
        return _DEFAULT
    return _NULL if nulls is Nulls.NULL else _LEFT_OUT


def _takes_null(field: FieldDescriptor) -> bool:
    if field.message_type is not None:
        return field.message_type.full_name == "google.protobuf.Value"
    return field.enum_type is not None and field.enum_type.full_name == NULL_VALUE


def _names(descriptor: Descriptor) -> _Words:
    indexes = {field.json_name: index for index, field in enumerate(descriptor.fields)}
    for field in descriptor.fields:
        # Where the name of one field is the JSON name of another, it means that other.
        indexes.setdefault(field.name, indexes[field.json_name])
    return tuple([(name.encode(), index) for name, index in indexes.items()])


def _enum_row(enum: EnumDescriptor, dialect: Dialect) -> EnumRow:
    words = enum_words(enum, names_only=not dialect.heeds_options)
    texts = {number: number if dialect.number_enums else text for number, text in words.texts.items()}
    return (
        words.takes_numbers,
        words.takes_any_number,
        enum.is_closed,
        enum.full_name == NULL_VALUE,
        tuple([(word.encode(), number) for word, number in words.numbers.items()]),
        tuple([(number, orjson.dumps(texts[number])) for number in sorted(texts)]),
    )
