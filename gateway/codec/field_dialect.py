"""The dialect of one field: what its options say goes before what its service says."""

from dataclasses import replace
from functools import cache
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway.codec.dialect import Dialect, Nulls
from gateway.codec.scalars import INTEGER_BOUNDS
from gateway.contract.options import field_options
from gateway_options.v1 import options_pb2

_NULLS: Final = {
    options_pb2.ServiceOptions.NULL_POLICY_UNSPECIFIED: Nulls.PROTO_JSON,
    options_pb2.ServiceOptions.NULL_POLICY_NULL: Nulls.NULL,
    options_pb2.ServiceOptions.NULL_POLICY_OMIT: Nulls.OMIT,
}
_JSON_TEXTS: Final = (options_pb2.FieldOptions.JSON_TEXT_OBJECT, options_pb2.FieldOptions.JSON_TEXT_ANY)
_TIMESTAMP: Final = "google.protobuf.Timestamp"
_INTEGER_WRAPPERS: Final = frozenset(f"google.protobuf.{name}Value" for name in ("Int64", "UInt64", "Int32", "UInt32"))


def with_styles(dialect: Dialect, options: options_pb2.ServiceOptions | options_pb2.FieldOptions) -> Dialect:
    """`dialect` with what both kinds of options can say: of nulls, integers and times. What they leave unset stays."""
    if options.HasField("null_policy"):
        # Like the other options, one that a newer contract has and this gateway does not know means ProtoJSON.
        dialect = replace(dialect, nulls=_NULLS.get(options.null_policy, Nulls.PROTO_JSON))
    if options.HasField("integer_style"):
        numbers = options.integer_style == options_pb2.ServiceOptions.INTEGER_STYLE_NUMBER
        dialect = replace(dialect, number_integers=numbers)
    if options.HasField("time_style"):
        dialect = replace(dialect, offset_times=options.time_style == options_pb2.ServiceOptions.TIME_STYLE_OFFSET)
    return dialect


@cache
def field_dialect(field: FieldDescriptor, dialect: Dialect) -> Dialect:
    """`dialect` with what the options of `field` say, if it heeds them."""
    return with_styles(dialect, field_options(field)) if dialect.heeds_options else dialect


def value_dialect(field: FieldDescriptor, dialect: Dialect) -> Dialect:
    """The dialect of the values of `field`, be it single, a list or a map.

    Messages are in `dialect`, but for those that are integers and times in JSON.
    """
    return field_dialect(field, dialect) if _holds_integers(field) or _holds_times(field) else dialect


@cache
def json_text(field: FieldDescriptor, dialect: Dialect) -> options_pb2.FieldOptions.JsonText.ValueType:
    """What the texts of `field`, which may be a list, a map or the value of a map's entry, are in `dialect`."""
    plain = options_pb2.FieldOptions.JSON_TEXT_UNSPECIFIED
    if not dialect.heeds_options or not _holds_strings(field):
        return plain
    kind = field_options(_map_around(field) or field).json_text
    # One that a newer contract has and this gateway does not know is a plain string.
    return kind if kind in _JSON_TEXTS else plain


def holds_json_text(descriptor: Descriptor, dialect: Dialect) -> bool:
    """Whether a message of `descriptor` may have fields of JSON text, in messages inside too."""
    known, waiting = {descriptor}, [descriptor]
    while waiting:
        message = waiting.pop()
        if message.is_extendable or message.full_name == "google.protobuf.Any":
            return dialect.heeds_options
        if any(json_text(field, dialect) for field in message.fields):
            return True
        inside = {field.message_type for field in message.fields if field.message_type is not None} - known
        known |= inside
        waiting.extend(inside)
    return False


def may_be_unset(field: FieldDescriptor, dialect: Dialect) -> bool:
    """Whether `field` can have no value, rather than its default: it has presence, or an empty text is no JSON."""
    return field.has_presence or (not field.is_repeated and bool(json_text(field, dialect)))


def misfit(field: FieldDescriptor) -> str:
    """Which option about JSON says nothing of such a field, as the rest of a sentence about it; empty for none."""
    options = field_options(field)
    if options.HasField("integer_style") and not _holds_integers(field):
        return "integer_style needs a field of integers"
    if options.HasField("time_style") and not _holds_times(field):
        return f"time_style needs a field of type {_TIMESTAMP}"
    if options.HasField("json_text") and not _holds_strings(field):
        return "json_text needs a field of strings"
    return ""


def _holds_integers(field: FieldDescriptor) -> bool:
    value = _value_field(field)
    return value.type in INTEGER_BOUNDS or _message_name(value) in _INTEGER_WRAPPERS


def _holds_times(field: FieldDescriptor) -> bool:
    return _message_name(_value_field(field)) == _TIMESTAMP


def _holds_strings(field: FieldDescriptor) -> bool:
    return _value_field(field).type == FieldDescriptor.TYPE_STRING


def _map_around(field: FieldDescriptor) -> FieldDescriptor | None:
    """The map whose entries have `field` as their value; None when there is none."""
    entry: Any = field.containing_type  # the stubs allow None, which no field of a message has
    if not entry.GetOptions().map_entry or field.name != "value":
        return None
    around: FieldDescriptor = next(each for each in entry.containing_type.fields if each.message_type == entry)
    return around


def _value_field(field: FieldDescriptor) -> FieldDescriptor:
    """The field that tells the type: that of the values, if `field` is a map."""
    entry = field.message_type
    return entry.fields_by_name["value"] if entry is not None and entry.GetOptions().map_entry else field


def _message_name(field: FieldDescriptor) -> str:
    return field.message_type.full_name if field.message_type is not None else ""
