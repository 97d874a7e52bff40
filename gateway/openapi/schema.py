"""JSON Schema of messages and fields, as the codec writes and reads them in the dialect of their service.

Requests are described in the form that answers have: that numbers may be quoted, enums be numbers and keys be spelled
both ways is true where the codec says so, and would only blur the schema.
"""

import enum
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from gateway.codec.dialect import Dialect, Nulls
from gateway.codec.enum_words import NULL_VALUE, enum_words
from gateway.codec.field_dialect import field_dialect, may_be_unset, value_dialect
from gateway.contract.options import enum_value_options
from gateway.openapi.bounds import HEEDING, bounds, is_needed, json_text_of, map_entry
from gateway_options.v1 import options_pb2

Json = dict[str, Any]

INT32: Final[Json] = {"type": "integer", "format": "int32"}
UINT32: Final[Json] = {"type": "integer", "minimum": 0, "maximum": 2**32 - 1}
INT64: Final[Json] = {"type": "integer", "format": "int64"}
UINT64: Final[Json] = {"type": "integer", "minimum": 0, "maximum": 2**64 - 1}
INTEGER_TEXT: Final = r"^-?(0|[1-9][0-9]{0,18})$"
NATURAL_TEXT: Final = r"^(0|[1-9][0-9]{0,18})$"
BINARY: Final[Json] = {"type": "string", "format": "binary"}

# Integers that ProtoJSON writes as texts.
LONG_TYPES: Final[Mapping[int, tuple[Json, str]]] = {
    FieldDescriptor.TYPE_INT64: (INT64, INTEGER_TEXT),
    FieldDescriptor.TYPE_SINT64: (INT64, INTEGER_TEXT),
    FieldDescriptor.TYPE_SFIXED64: (INT64, INTEGER_TEXT),
    FieldDescriptor.TYPE_UINT64: (UINT64, NATURAL_TEXT),
    FieldDescriptor.TYPE_FIXED64: (UINT64, NATURAL_TEXT),
}
# NaN and the infinities, which ProtoJSON writes as texts, are left out: they would make each number a union of types
# in clients that are generated from the document.
SCALARS: Final[Mapping[int, Json]] = {
    FieldDescriptor.TYPE_DOUBLE: {"type": "number", "format": "double"},
    FieldDescriptor.TYPE_FLOAT: {"type": "number", "format": "float"},
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
    FieldDescriptor.TYPE_INT32: INT32,
    FieldDescriptor.TYPE_SINT32: INT32,
    FieldDescriptor.TYPE_SFIXED32: INT32,
    FieldDescriptor.TYPE_UINT32: UINT32,
    FieldDescriptor.TYPE_FIXED32: UINT32,
}
TIMESTAMP: Final = "google.protobuf.Timestamp"
# Messages with a JSON form of their own. Source: https://protobuf.dev/programming-guides/json/
WELL_KNOWN: Final[Mapping[str, Json]] = {
    TIMESTAMP: {"type": "string", "format": "date-time", "minLength": 20},
    "google.protobuf.Duration": {
        "type": "string",
        "pattern": r"^-?[0-9]{1,11}(\.[0-9]{1,9})?s$",
        "examples": ["3.5s"],
    },
    "google.protobuf.FieldMask": {
        "type": "string",
        "pattern": r"^([a-z][A-Za-z0-9]*(\.[a-z][A-Za-z0-9]*)*(,[a-z][A-Za-z0-9]*(\.[a-z][A-Za-z0-9]*)*)*)?$",
        "examples": ["title,updateTime"],
    },
    "google.protobuf.Struct": {"type": "object", "additionalProperties": True},
    "google.protobuf.Value": {},
    "google.protobuf.ListValue": {"type": "array", "items": {}},
    "google.protobuf.Any": {
        "type": "object",
        "properties": {"@type": {"type": "string"}},
        "additionalProperties": True,
    },
    "google.protobuf.Empty": {"type": "object"},
}
# Texts that are JSON.
JSON_TEXTS: Final[Mapping[int, Json]] = {
    options_pb2.FieldOptions.JSON_TEXT_OBJECT: WELL_KNOWN["google.protobuf.Struct"],
    options_pb2.FieldOptions.JSON_TEXT_ANY: WELL_KNOWN["google.protobuf.Value"],
}
WRAPPERS: Final = frozenset(
    f"google.protobuf.{name}Value"
    for name in ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
)


class Direction(enum.Enum):
    """Which way a message goes. Answers state more keys; requests have bounds."""

    REQUEST = "Input"
    ANSWER = "Output"


class Schemas:
    """Collects the schemas of messages under `components`, each once per dialect and direction it is used in."""

    def __init__(self, comments: Mapping[str, str]) -> None:
        self.components: Json = {}
        self._comments = comments
        self._names: dict[tuple[str, Dialect, Direction], str] = {}

    def message(self, descriptor: Descriptor, dialect: Dialect, direction: Direction) -> Json:
        """Schema of a message: a reference, or the JSON form of a well-known type."""
        name = descriptor.full_name
        if name == TIMESTAMP and direction is Direction.ANSWER and dialect.offset_times:
            return {**WELL_KNOWN[name], "examples": ["2024-01-15T10:30:00+00:00"]}
        if name in WELL_KNOWN:
            return dict(WELL_KNOWN[name])
        if name in WRAPPERS:
            return self._single(descriptor.fields_by_name["value"], dialect, direction)
        key = (name, dialect, direction)
        if key not in self._names:
            self._names[key] = component = self._free_name(name, direction)
            self.components[component] = {}  # holds the place: messages may hold themselves
            self.components[component] = self.object(descriptor, dialect, direction)
        return {"$ref": f"#/components/schemas/{self._names[key]}"}

    def object(
        self, descriptor: Descriptor, dialect: Dialect, direction: Direction, without: Collection[str] = ()
    ) -> Json:
        """Schema of a message spelled out, without the fields named in `without`."""
        fields = [field for field in descriptor.fields if field.name not in without]
        schema: Json = {"type": "object"}
        self.describe(schema, descriptor.full_name)
        schema["properties"] = {key_of(field, dialect): self._property(field, dialect, direction) for field in fields}
        required = [key_of(field, dialect) for field in fields if _is_required(field, dialect, direction)]
        if required:
            schema["required"] = required
        if direction is Direction.REQUEST:
            if not dialect.ignore_unknown_fields:
                schema["additionalProperties"] = False
            rivals = [{"required": [key_of(one, dialect) for one in pair]} for pair in _rivals(fields)]
            if rivals:
                schema["not"] = {"anyOf": rivals}
        return schema

    def field(self, field: FieldDescriptor, dialect: Dialect, direction: Direction) -> Json:
        """Schema of a field that is there, with its comment and its bounds."""
        entry, own = map_entry(field), value_dialect(field, dialect)
        if entry is not None:
            value = entry.fields_by_name["value"]
            schema: Json = {"type": "object", "additionalProperties": self._single(value, own, direction)}
        elif field.is_repeated:
            schema = {"type": "array", "items": self._single(field, own, direction)}
        else:
            schema = self._single(field, own, direction)
        if direction is Direction.REQUEST:
            schema.update(bounds(field))
        self.describe(schema, field.full_name)
        return schema

    def parameter(self, field: FieldDescriptor, dialect: Dialect) -> Json:
        """Schema of a field in a path, a query or a header, where all is text and integers need no quotes."""
        return self.field(field, replace(dialect, number_integers=True, heeds_options=False), Direction.REQUEST)

    def value(self, field: FieldDescriptor, dialect: Dialect) -> Json:
        """Schema of a field that is an answer by itself."""
        schema = self.field(field, dialect, Direction.ANSWER)
        # Only a message has an empty form that can stand for "unset".
        nulls = field_dialect(field, dialect).nulls is Nulls.NULL or field.message_type is None
        return or_null(schema) if may_be_unset(field, HEEDING) and nulls else schema

    def describe(self, schema: Json, full_name: str) -> None:
        """Add the comment on `full_name`, if there is one."""
        if full_name in self._comments:
            schema["description"] = self._comments[full_name]

    def _property(self, field: FieldDescriptor, dialect: Dialect, direction: Direction) -> Json:
        schema = self.field(field, dialect, direction)
        return or_null(schema) if _may_be_null(field, dialect, direction) else schema

    def _single(self, field: FieldDescriptor, dialect: Dialect, direction: Direction) -> Json:
        kind = json_text_of(field)
        if kind:
            return dict(JSON_TEXTS[kind])
        if field.message_type is not None:
            return self.message(field.message_type, dialect, direction)
        if field.enum_type is not None:
            return enum_schema(field.enum_type, dialect, direction)
        if field.type not in LONG_TYPES:
            return dict(SCALARS[field.type])
        number, text_pattern = LONG_TYPES[field.type]
        if dialect.number_integers:
            return dict(number)
        if direction is Direction.ANSWER:
            return {"type": "string", "format": "int64", "pattern": text_pattern}
        # Bounds hold for the number; a client that has any may as well send it as one.
        return {**number, "type": ["string", "integer"], "pattern": text_pattern}

    def _free_name(self, full_name: str, direction: Direction) -> str:
        name = full_name
        for suffix in ("", f".{direction.value}", *(f".{direction.value}{number}" for number in range(2, 100))):
            name = full_name + suffix
            if name not in self.components:
                break
        return name


def key_of(field: FieldDescriptor, dialect: Dialect) -> str:
    """JSON key of a field in answers; requests take it too."""
    name: str = field.name if dialect.proto_names else field.json_name
    return name


def enum_schema(descriptor: EnumDescriptor, dialect: Dialect, direction: Direction) -> Json:
    """Words of an enum. Requests have no use for the zero value that stands for "not given"."""
    if descriptor.full_name == NULL_VALUE:
        return {"type": "null"}
    texts = enum_words(descriptor).texts
    if dialect.number_enums and direction is Direction.ANSWER:
        return {"type": "integer", "enum": list(texts)}
    without = _stands_for_absent(descriptor) and (direction is Direction.REQUEST or _alone_has_no_word(descriptor))
    words = [word for number, word in texts.items() if number != 0 or not without]
    return {"type": "string", "enum": words}


def _stands_for_absent(descriptor: EnumDescriptor) -> bool:
    zero = descriptor.values_by_number.get(0)
    return zero is not None and zero.name.endswith("_UNSPECIFIED")


def _alone_has_no_word(descriptor: EnumDescriptor) -> bool:
    """Whether all values but zero have words of their own in JSON: whoever chose these sends no other one."""
    return len(descriptor.values) > 1 and all(
        bool(enum_value_options(value).json_name) == (value.number != 0) for value in descriptor.values
    )


def _is_required(field: FieldDescriptor, dialect: Dialect, direction: Direction) -> bool:
    if direction is Direction.REQUEST:
        return is_needed(field)
    nulls = field_dialect(field, dialect).nulls
    if nulls is Nulls.NULL:
        # A member of a oneof that is not set is null, as every other field.
        return True
    return nulls is Nulls.OMIT and not may_be_unset(field, HEEDING)


def _may_be_null(field: FieldDescriptor, dialect: Dialect, direction: Direction) -> bool:
    if direction is Direction.REQUEST:
        # ProtoJSON: null is accepted for every field, as if it were not given.
        return not is_needed(field)
    return field_dialect(field, dialect).nulls is Nulls.NULL and may_be_unset(field, HEEDING)


def or_null(schema: Json) -> Json:
    """`schema`, and null."""
    kind = schema.get("type")
    if kind == "null" or not schema.keys() - {"description"}:
        return schema
    if kind is None or "anyOf" in schema:
        description = {"description": schema["description"]} if "description" in schema else {}
        inner = {key: value for key, value in schema.items() if key != "description"}
        return {"anyOf": [inner, {"type": "null"}], **description}
    kinds = kind if isinstance(kind, list) else [kind]
    nullable = {**schema, "type": [*kinds, "null"]}
    if "enum" in schema:
        nullable["enum"] = [*schema["enum"], None]
    return nullable


def _rivals(fields: list[FieldDescriptor]) -> Iterator[tuple[FieldDescriptor, FieldDescriptor]]:
    """Pairs of fields of which only one may be given: the members of each oneof."""
    for one, other in combinations(fields, 2):
        if one.containing_oneof is not None and one.containing_oneof == other.containing_oneof:
            yield one, other
