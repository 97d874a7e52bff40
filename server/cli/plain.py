"""Messages of the contract as plain values, in the words the HTTP API uses: the form that `--json` prints."""

import base64
import json
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from google.protobuf import any_pb2, duration_pb2, struct_pb2, timestamp_pb2
from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from gateway_options.v1 import options_pb2

# Whose documents write names in camelCase.
CAMEL_CASE: Final = frozenset({"switchyard.environments.v1"})

# What json.dumps takes. Any is what a tree of JSON is in the type system.
Plain: TypeAlias = dict[str, Any]
# The C implementation of descriptors shares no base class with the one in Python.
Field: TypeAlias = FieldDescriptor | Any


def to_plain(message: Message) -> Plain:
    """Return `message` as a dict with every field: None for one that is unset, names of enum values as in the API."""
    camel = message.DESCRIPTOR.file.package in CAMEL_CASE
    return {
        field.json_name if camel else field.name: field_value(message, field) for field in message.DESCRIPTOR.fields
    }


def field_value(message: Message, field: Field) -> Any:
    """Return the plain value of one field of `message`."""
    value = getattr(message, field.name)
    if (held := map_value(field)) is not None:
        return {str(key): single_value(item, held) for key, item in value.items()}
    if field.is_repeated:
        return [single_value(item, field) for item in value]
    if field.has_presence and not message.HasField(field.name):
        return None
    return single_value(value, field)


def single_value(value: Any, field: Field) -> Any:
    """Return the plain form of one value that `field` holds."""
    if field.enum_type is not None:
        return enum_name(field.enum_type, value)
    if field.message_type is not None:
        return message_value(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if field.GetOptions().Extensions[options_pb2.field].json_text:
        return json.loads(value) if value else None
    return value


def message_value(value: Message) -> Any:
    """Return the plain form of a message inside another."""
    if isinstance(value, timestamp_pb2.Timestamp):
        return time_text(value)
    if isinstance(value, duration_pb2.Duration):
        return value.ToTimedelta().total_seconds()
    if isinstance(value, (struct_pb2.Struct, struct_pb2.Value, struct_pb2.ListValue)):
        return MessageToDict(value)
    if isinstance(value, any_pb2.Any):
        return {"type": value.TypeName()}
    return to_plain(value)


def enum_name(enum: EnumDescriptor, number: int) -> str | int:
    """Return the value's name in the API, or `number` when the contract we were built with does not know it."""
    value = enum.values_by_number.get(number)
    if value is None:
        return number
    return value.GetOptions().Extensions[options_pb2.enum_value].json_name or value.name


def enum_number(enum: EnumDescriptor, name: str) -> int:
    """Return the number of the value that the API calls `name`.

    Raises:
        KeyError: there is none; enum_names lists those there are.
    """
    return {enum_name(enum, number): number for number in enum.values_by_number}[name]


def enum_names(enum: EnumDescriptor) -> list[str]:
    """Return the API's names of all values that have one, in the order of the contract."""
    names = [value.GetOptions().Extensions[options_pb2.enum_value].json_name for value in enum.values]
    return [name for name in names if name]


def time_text(timestamp: timestamp_pb2.Timestamp) -> str:
    """Return an instant as 2024-01-15T10:30:00Z, with six digits of fraction when it is not zero."""
    return timestamp.ToDatetime(tzinfo=UTC).isoformat().replace("+00:00", "Z")


def local_time(timestamp: timestamp_pb2.Timestamp) -> str:
    """Return an instant for people: date and time to the second, in the time zone of this machine."""
    instant: datetime = timestamp.ToDatetime(tzinfo=UTC).astimezone()
    return instant.strftime("%Y-%m-%d %H:%M:%S")


def map_value(field: Field) -> Field | None:
    """Return what a map holds; None when `field` is no map."""
    if field.message_type is None or not field.message_type.GetOptions().map_entry:
        return None
    return field.message_type.fields_by_name["value"]
