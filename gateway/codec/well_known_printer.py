"""JSON forms of the well-known types that are no JSON objects with their fields as keys.

Source: https://protobuf.dev/programming-guides/json/
"""

import math
from collections.abc import Callable
from typing import Any, Final

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError

from gateway.codec import well_known
from gateway.codec.dialect import Dialect
from gateway.codec.errors import DumpError

PrintMessage = Callable[[Any], Any]
# How the functions for the messages and fields inside are found.
MessagePrinter = Callable[[Descriptor, Dialect], PrintMessage]
FieldPrinter = Callable[[FieldDescriptor, Dialect], PrintMessage]


def _timestamp_printer(_descriptor: Descriptor, dialect: Dialect, *_find: object) -> PrintMessage:
    text = well_known.offset_timestamp_text if dialect.offset_times else well_known.timestamp_text
    return lambda message: text(message.seconds, message.nanos)


def _duration_printer(*_: object) -> PrintMessage:
    return lambda message: well_known.duration_text(message.seconds, message.nanos)


def _field_mask_printer(*_: object) -> PrintMessage:
    return lambda message: well_known.field_mask_text(message.paths)


def _wrapper_printer(
    descriptor: Descriptor, dialect: Dialect, _message_printer: MessagePrinter, field_printer: FieldPrinter
) -> PrintMessage:
    return field_printer(descriptor.fields_by_name["value"], dialect)


def _struct_printer(*_: object) -> PrintMessage:
    return _struct


def _value_printer(*_: object) -> PrintMessage:
    return _value


def _list_printer(*_: object) -> PrintMessage:
    return _list


def _struct(message: Any) -> dict[str, Any]:
    fields = message.fields
    return {key: _value(fields[key]) for key in fields}


def _list(message: Any) -> list[Any]:
    return [_value(value) for value in message.values]


def _value(message: Any) -> Any:
    kind = message.WhichOneof("kind")
    if kind == "string_value":
        return message.string_value
    if kind == "number_value":
        return _number(message.number_value)
    if kind == "bool_value":
        return message.bool_value
    if kind == "struct_value":
        return _struct(message.struct_value)
    if kind == "list_value":
        return _list(message.list_value)
    if kind == "null_value":
        return None
    raise DumpError("google.protobuf.Value holds no value")


def _number(value: float) -> float | int:
    if not math.isfinite(value):
        raise DumpError("google.protobuf.Value cannot hold NaN or Infinity in JSON")
    if not value.is_integer() or abs(value) >= 9007199254740992:
        # 2**53: above it not every whole number is a double, and the exponent says so.
        return value
    # Minus zero is no integer.
    return int(value) if value or math.copysign(1.0, value) > 0 else value


def _any_printer(
    descriptor: Descriptor, dialect: Dialect, message_printer: MessagePrinter, _field_printer: FieldPrinter
) -> PrintMessage:
    return any_printer(descriptor.file.pool, dialect, message_printer)


def any_printer(pool: DescriptorPool, dialect: Dialect, message_printer: MessagePrinter) -> PrintMessage:
    """Return the function that prints a google.protobuf.Any whose type is described in `pool`. It raises DumpError."""

    def print_any(message: Any) -> dict[str, Any]:
        type_url = message.type_url
        if not type_url:
            if message.value:
                raise DumpError("google.protobuf.Any has a value but no type")
            return {}
        try:
            inner = pool.FindMessageTypeByName(type_url.rpartition("/")[2])
            packed = message_factory.GetMessageClass(inner).FromString(message.value)
        except (KeyError, DecodeError) as error:
            raise DumpError(f"google.protobuf.Any of {type_url!r} cannot be read") from error
        value = message_printer(inner, dialect)(packed)
        if inner.full_name in WELL_KNOWN:
            return {"@type": type_url, "value": value}
        return {"@type": type_url, **value}

    return print_any


WELL_KNOWN: Final[dict[str, Callable[[Descriptor, Dialect, MessagePrinter, FieldPrinter], PrintMessage]]] = {
    "google.protobuf.Timestamp": _timestamp_printer,
    "google.protobuf.Duration": _duration_printer,
    "google.protobuf.FieldMask": _field_mask_printer,
    "google.protobuf.Struct": _struct_printer,
    "google.protobuf.Value": _value_printer,
    "google.protobuf.ListValue": _list_printer,
    "google.protobuf.Any": _any_printer,
    "google.protobuf.DoubleValue": _wrapper_printer,
    "google.protobuf.FloatValue": _wrapper_printer,
    "google.protobuf.Int64Value": _wrapper_printer,
    "google.protobuf.UInt64Value": _wrapper_printer,
    "google.protobuf.Int32Value": _wrapper_printer,
    "google.protobuf.UInt32Value": _wrapper_printer,
    "google.protobuf.BoolValue": _wrapper_printer,
    "google.protobuf.StringValue": _wrapper_printer,
    "google.protobuf.BytesValue": _wrapper_printer,
}
