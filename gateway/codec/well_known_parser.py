"""Reads the JSON forms of the well-known types that are no JSON objects with their fields as keys.

Source: https://protobuf.dev/programming-guides/json/
"""

from collections.abc import Callable
from typing import Any, Final

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from gateway.codec.dialect import Dialect
from gateway.codec.errors import ParseError
from gateway.codec.json_text import shortened
from gateway.codec.scalars import ParseValue, scalar_parser
from gateway.codec.well_known import parse_duration, parse_field_mask, parse_timestamp

# How the functions for the messages inside are found.
MessageBuilder = Callable[[Descriptor, Dialect], Callable[[Any], Message]]


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    raise ParseError("must be a string")


def _parse_timestamp(value: Any) -> dict[str, int]:
    seconds, nanos = parse_timestamp(_text(value))
    return {"seconds": seconds, "nanos": nanos}


def _parse_duration(value: Any) -> dict[str, int]:
    seconds, nanos = parse_duration(_text(value))
    return {"seconds": seconds, "nanos": nanos}


def _parse_field_mask(value: Any) -> dict[str, list[str]]:
    return {"paths": parse_field_mask(_text(value))}


def _parse_struct(value: Any) -> dict[str, Any]:
    if type(value) is dict:
        return value
    raise ParseError("must be an object")


def _parse_list(value: Any) -> dict[str, Any]:
    if type(value) is list:
        return {"values": [_parse_value(item) for item in value]}
    raise ParseError("must be a list")


def _parse_value(value: Any) -> dict[str, Any]:
    kind = type(value)
    if kind is str:
        return {"string_value": value}
    if kind is bool:
        return {"bool_value": value}
    if value is None:
        return {"null_value": 0}
    if kind is dict:
        return {"struct_value": value}
    return {"list_value": _parse_list(value)} if kind is list else {"number_value": float(value)}


def struct_fields(value: Any) -> dict[str, Any]:
    """What the constructor of Struct takes as `fields`. Raises ParseError when `value` is no object."""
    return {key: _parse_value(member) for key, member in _parse_struct(value).items()}


def _wrapper_parser(descriptor: Descriptor, dialect: Dialect, _message_builder: MessageBuilder) -> ParseValue:
    parse = scalar_parser(descriptor.fields_by_name["value"], dialect)
    return lambda value: {"value": parse(value)}


def _any_parser(descriptor: Descriptor, dialect: Dialect, message_builder: MessageBuilder) -> ParseValue:
    pool = descriptor.file.pool

    def parse_any(data: Any) -> dict[str, Any]:
        if type(data) is not dict:
            raise ParseError("must be an object")
        if not data:
            return {}
        type_url = data.get("@type")
        if type(type_url) is not str or not type_url.rpartition("/")[2]:
            raise ParseError("must name a message type", "@type")
        try:
            inner = pool.FindMessageTypeByName(type_url.rpartition("/")[2])
        except KeyError as error:
            raise ParseError(f"names an unknown type {shortened(type_url)!r}", "@type") from error
        message = message_builder(inner, dialect)(_packed(data, inner))
        return {"type_url": type_url, "value": message.SerializePartialToString()}

    return parse_any


def _packed(data: dict[str, Any], inner: Descriptor) -> Any:
    others = {key: value for key, value in data.items() if key != "@type"}
    if inner.full_name not in WELL_KNOWN:
        return others
    if others.keys() != {"value"}:
        raise ParseError(f"must hold the {inner.name} and nothing else", "value")
    return others["value"]


_Compile = Callable[[Descriptor, Dialect, MessageBuilder], ParseValue]


def _always(parse: ParseValue) -> _Compile:
    return lambda *_: parse


WELL_KNOWN: Final[dict[str, _Compile]] = {
    "google.protobuf.Timestamp": _always(_parse_timestamp),
    "google.protobuf.Duration": _always(_parse_duration),
    "google.protobuf.FieldMask": _always(_parse_field_mask),
    "google.protobuf.Struct": _always(_parse_struct),
    "google.protobuf.Value": _always(_parse_value),
    "google.protobuf.ListValue": _always(_parse_list),
    "google.protobuf.Any": _any_parser,
    "google.protobuf.DoubleValue": _wrapper_parser,
    "google.protobuf.FloatValue": _wrapper_parser,
    "google.protobuf.Int64Value": _wrapper_parser,
    "google.protobuf.UInt64Value": _wrapper_parser,
    "google.protobuf.Int32Value": _wrapper_parser,
    "google.protobuf.UInt32Value": _wrapper_parser,
    "google.protobuf.BoolValue": _wrapper_parser,
    "google.protobuf.StringValue": _wrapper_parser,
    "google.protobuf.BytesValue": _wrapper_parser,
}
