"""Messages to what `orjson.dumps` takes, by functions compiled once per descriptor and dialect."""

import math
import struct
from binascii import b2a_base64
from collections.abc import Callable
from operator import attrgetter, itemgetter
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from gateway.codec import json_field
from gateway.codec.dialect import Dialect, Nulls
from gateway.codec.enum_words import NULL_VALUE, enum_words
from gateway.codec.field_dialect import field_dialect, json_text, may_be_unset, value_dialect
from gateway.codec.well_known_printer import WELL_KNOWN, PrintMessage

# A value of a field to a JSON value.
Convert = Callable[[Any], Any]

_FLOAT32: Final = struct.Struct("<f")
_AS_THEY_ARE: Final = frozenset(
    {
        FieldDescriptor.TYPE_STRING,
        FieldDescriptor.TYPE_BOOL,
        FieldDescriptor.TYPE_INT32,
        FieldDescriptor.TYPE_UINT32,
        FieldDescriptor.TYPE_SINT32,
        FieldDescriptor.TYPE_FIXED32,
        FieldDescriptor.TYPE_SFIXED32,
    }
)
# A slice is a list made at once; walking a repeated field takes twice as long.
_AS_LIST: Final = itemgetter(slice(None))
_FLOATS: Final = frozenset({FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT})
# The well-known types whose empty message says no more than it holds.
_OBJECTS_AND_LISTS: Final = frozenset({"google.protobuf.Struct", "google.protobuf.ListValue", "google.protobuf.Any"})

_PRINTERS: dict[tuple[Descriptor, Dialect], PrintMessage] = {}
_FIELD_PRINTERS: dict[tuple[FieldDescriptor, Dialect], PrintMessage] = {}


def message_printer(descriptor: Descriptor, dialect: Dialect) -> PrintMessage:
    """The function that turns a message of `descriptor` into a JSON value."""
    key = (descriptor, dialect)
    found = _PRINTERS.get(key)
    if found is not None:
        return found
    # Until it is compiled, fields of a recursive type find this in its place.
    _PRINTERS[key] = lambda message: _PRINTERS[key](message)
    compile_printer = WELL_KNOWN.get(descriptor.full_name)
    if compile_printer is None:
        _PRINTERS[key] = _fields_printer(descriptor, dialect)
    else:
        _PRINTERS[key] = compile_printer(descriptor, dialect, message_printer, field_printer)
    return _PRINTERS[key]


def field_printer(field: FieldDescriptor, dialect: Dialect) -> PrintMessage:
    """The function that turns the value `field` has in a message into a JSON value.

    An unset object or list comes out as an empty one, and as None where the dialect sends nulls; so does any other
    unset field with presence: a time or a wrapper that nobody set has no value to show.
    """
    key = (field, dialect)
    found = _FIELD_PRINTERS.get(key)
    if found is None:
        found = _FIELD_PRINTERS[key] = _field_printer(field, dialect)
    return found


def _field_printer(field: FieldDescriptor, dialect: Dialect) -> PrintMessage:
    name, convert = field.name, _as_is(_converter(field, dialect))
    sends_null = not _is_object_or_list(field.message_type) or _nulls(field, dialect) is Nulls.NULL
    if not may_be_unset(field, dialect) or not sends_null:
        return lambda message: convert(getattr(message, name))
    if json_text(field, dialect):
        return lambda message: convert(getattr(message, name)) if getattr(message, name) else None
    return lambda message: convert(getattr(message, name)) if message.HasField(name) else None


def _is_object_or_list(message_type: Descriptor | None) -> bool:
    # An empty Value has no JSON form at all.
    return message_type is not None and (
        message_type.full_name not in WELL_KNOWN or message_type.full_name in _OBJECTS_AND_LISTS
    )


def _as_is(convert: Convert | None) -> Convert:
    return convert if convert is not None else lambda value: value


def _fields_printer(descriptor: Descriptor, dialect: Dialect) -> PrintMessage:
    sparse = [field for field in descriptor.fields if _nulls(field, dialect) is Nulls.PROTO_JSON]
    full = [field for field in descriptor.fields if _nulls(field, dialect) is not Nulls.PROTO_JSON]
    if sparse and full:
        print_fields = _mixed_printer(_full_printer(full, dialect), _sparse_printer(sparse, dialect))
    else:
        print_fields = _full_printer(full, dialect) if full else _sparse_printer(sparse, dialect)
    return _with_extensions(print_fields, dialect) if descriptor.is_extendable else print_fields


def _nulls(field: FieldDescriptor, dialect: Dialect) -> Nulls:
    return field_dialect(field, dialect).nulls


def _mixed_printer(print_full: PrintMessage, print_sparse: PrintMessage) -> PrintMessage:
    return lambda message: print_full(message) | print_sparse(message)


def _key(field: FieldDescriptor, dialect: Dialect) -> str:
    return field.name if dialect.proto_names else field.json_name


def _getter(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    # One call from C reads all of them. attrgetter gives a bare value for one name, and wants at least one.
    if len(names) > 1:
        return attrgetter(*names)
    return lambda message: tuple(getattr(message, name) for name in names)


def _sparse_printer(fields: list[FieldDescriptor], dialect: Dialect) -> PrintMessage:
    plain, floats, converted, texts, present = _grouped(fields, dialect)
    keys, get = [key for key, _, _ in plain], _getter([name for _, name, _ in plain])
    converted += texts

    def print_message(message: Any) -> dict[str, Any]:
        out = {key: value for key, value in zip(keys, get(message), strict=False) if value}
        for key, name, convert in converted:
            value = getattr(message, name)
            if value:
                out[key] = convert(value)
        for key, name, convert in floats:
            value = getattr(message, name)
            # Minus zero is not the default.
            if value or math.copysign(1.0, value) < 0:
                out[key] = convert(value)
        has = message.HasField
        for key, name, convert in present:
            if has(name):
                out[key] = convert(getattr(message, name))
        return out

    return print_message


def _full_printer(fields: list[FieldDescriptor], dialect: Dialect) -> PrintMessage:
    plain, floats, converted, texts, present = _grouped(fields, dialect)
    keys, get = [key for key, _, _ in plain], _getter([name for _, name, _ in plain])
    always = converted + floats
    # Copied for each message; fixes the order of the keys.
    template: dict[str, Any] = {
        _key(field, dialect): None
        for field in fields
        if not may_be_unset(field, dialect) or _nulls(field, dialect) is Nulls.NULL
    }

    def print_message(message: Any) -> dict[str, Any]:
        out = template.copy()
        out.update(zip(keys, get(message), strict=False))
        for key, name, convert in always:
            out[key] = convert(getattr(message, name))
        for key, name, convert in texts:
            value = getattr(message, name)
            if value:
                out[key] = convert(value)
        has = message.HasField
        for key, name, convert in present:
            if has(name):
                out[key] = convert(getattr(message, name))
        return out

    return print_message


_Step = tuple[str, str, Convert]


def _grouped(
    fields: list[FieldDescriptor], dialect: Dialect
) -> tuple[list[_Step], list[_Step], list[_Step], list[_Step], list[_Step]]:
    """Fields as (key, name, convert): plain ones, floats, those to convert, JSON texts, and those with presence."""
    plain: list[_Step] = []
    floats: list[_Step] = []
    converted: list[_Step] = []
    texts: list[_Step] = []
    present: list[_Step] = []
    for field in fields:
        convert = _converter(field, dialect)
        step = (_key(field, dialect), field.name, _as_is(convert))
        if json_text(field, dialect) and not field.is_repeated:
            texts.append(step)
        elif field.has_presence:
            present.append(step)
        elif convert is None:
            plain.append(step)
        elif field.type in _FLOATS and not field.is_repeated:
            floats.append(step)
        else:
            converted.append(step)
    return plain, floats, converted, texts, present


def _with_extensions(print_fields: PrintMessage, dialect: Dialect) -> PrintMessage:
    def print_message(message: Message) -> dict[str, Any]:
        out: dict[str, Any] = print_fields(message)
        for field, value in message.ListFields():
            if field.is_extension:
                out[f"[{field.full_name}]"] = _as_is(_converter(field, dialect))(value)
        return out

    return print_message


def _converter(field: FieldDescriptor, dialect: Dialect) -> Convert | None:
    """What turns the value of `field`, repeated or not, into a JSON value; None when it is one already."""
    own = value_dialect(field, dialect)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return _map_converter(field.message_type, own)
    convert = _single_converter(field, own)
    if not field.is_repeated:
        return convert
    return _AS_LIST if convert is None else lambda values: [convert(value) for value in values[:]]


def _single_converter(field: FieldDescriptor, dialect: Dialect) -> Convert | None:
    message_type: Descriptor | None = field.message_type
    if message_type is not None:
        return message_printer(message_type, dialect)
    enum: EnumDescriptor | None = field.enum_type
    if enum is not None:
        return _enum_converter(enum, dialect)
    kind = json_text(field, dialect)
    if kind:
        return json_field.printer(field, kind)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _base64
    if field.type == FieldDescriptor.TYPE_DOUBLE:
        return _double
    if field.type == FieldDescriptor.TYPE_FLOAT:
        return _float
    if field.type in _AS_THEY_ARE or dialect.number_integers:
        return None
    return str


def _enum_converter(enum: EnumDescriptor, dialect: Dialect) -> Convert | None:
    if enum.full_name == NULL_VALUE:
        return lambda _number: None
    if dialect.number_enums:
        return None
    texts = enum_words(enum, names_only=not dialect.heeds_options).texts
    return lambda number: texts.get(number, number)


def _map_converter(entry: Descriptor, dialect: Dialect) -> Convert:
    convert = _as_is(_single_converter(entry.fields_by_name["value"], dialect))
    key_text = _bool_text if entry.fields_by_name["key"].type == FieldDescriptor.TYPE_BOOL else str
    return lambda values: {key_text(key): convert(values[key]) for key in values}


def _bool_text(value: bool) -> str:
    return "true" if value else "false"


def _base64(value: bytes) -> str:
    return b2a_base64(value, newline=False).decode("ascii")


def _double(value: float) -> float | str:
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _float(value: float) -> float | str:
    """The shortest decimal that a 32-bit float reads as the same value."""
    if not math.isfinite(value):
        return _double(value)
    for digits in (6, 7, 8):
        shorter = float(f"{value:.{digits}g}")
        if _FLOAT32.unpack(_FLOAT32.pack(shorter))[0] == value:
            return shorter
    return float(f"{value:.9g}")
