"""What the options of a field say about its values in requests, as keywords of JSON Schema."""

from typing import Any, Final

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway.codec.dialect import Dialect
from gateway.codec.field_dialect import json_text
from gateway.contract.options import field_options
from gateway_options.v1 import options_pb2

Json = dict[str, Any]

# What options say of a field holds in parameters, too.
HEEDING: Final = Dialect(heeds_options=True)
FLOATS: Final = frozenset({FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT})
NUMBERS: Final = frozenset(
    {
        FieldDescriptor.CPPTYPE_INT32,
        FieldDescriptor.CPPTYPE_INT64,
        FieldDescriptor.CPPTYPE_UINT32,
        FieldDescriptor.CPPTYPE_UINT64,
        FieldDescriptor.CPPTYPE_DOUBLE,
        FieldDescriptor.CPPTYPE_FLOAT,
    }
)


def map_entry(field: FieldDescriptor) -> Descriptor | None:
    """The message that stands for an entry, if the field is a map."""
    entry = field.message_type
    return entry if entry is not None and entry.GetOptions().map_entry else None


def json_text_of(field: FieldDescriptor) -> options_pb2.FieldOptions.JsonText.ValueType:
    """What JSON the texts of the field are."""
    return json_text(field, HEEDING)


def is_needed(field: FieldDescriptor) -> bool:
    """Whether requests must give the field: an option says so, or its bounds exclude what it is when absent."""
    options = field_options(field)
    if options.required:
        return True
    if field.is_repeated:
        return options.min > 0
    if field.has_presence or field.cpp_type not in NUMBERS:
        return False
    return options.min > 0 or (options.HasField("max") and options.max < 0)


def bounds(field: FieldDescriptor) -> Json:
    """Keywords for the values of a field that is given."""
    options = field_options(field)
    schema = _sizes(field, options)
    if options.pattern and not json_text_of(field):
        # An empty text is not checked against the pattern, so that it can stand for "not given".
        schema["pattern"] = f"^(?:{options.pattern}){'' if options.required else '?'}$"
    if options.default_value:
        schema["default"] = _default(field, options)
    if options.secret:
        schema |= {"format": "password", "writeOnly": True}
    return schema


def _sizes(field: FieldDescriptor, options: options_pb2.FieldOptions) -> Json:
    words = _size_words(field)
    if words is None:
        return {}
    least, most = words
    schema: Json = {}
    if options.HasField("min"):
        schema[least] = options.min
    if options.HasField("max"):
        schema[most] = options.max
    if field.cpp_type in NUMBERS and not field.is_repeated:
        # Zero is how a number without presence is absent.
        return schema | {"not": {"const": 0}} if options.required and not field.has_presence else schema
    if options.required:
        schema[least] = max(1, options.min)
    elif options.min > 0 and not field.has_presence and not field.is_repeated:
        # An empty text of a field without presence is no text.
        del schema[least]
        schema["anyOf"] = [{"maxLength": 0}, {least: options.min}]
    return schema


def _size_words(field: FieldDescriptor) -> tuple[str, str] | None:
    if field.is_repeated:
        return ("minItems", "maxItems") if map_entry(field) is None else ("minProperties", "maxProperties")
    if json_text_of(field):
        return None  # bounds are those of the text, of which nothing is seen
    if field.type == FieldDescriptor.TYPE_STRING:
        return "minLength", "maxLength"
    return ("minimum", "maximum") if field.cpp_type in NUMBERS else None


def _default(field: FieldDescriptor, options: options_pb2.FieldOptions) -> Any:
    text = options.default_value
    if json_text_of(field):
        return orjson.loads(text)
    if field.type == FieldDescriptor.TYPE_BOOL:
        return text == "true"
    if field.type in FLOATS:
        return float(text)
    return int(text) if field.cpp_type in NUMBERS else text
