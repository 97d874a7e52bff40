"""JSON Schema of messages and fields, as the codec writes and reads them in the dialect of their service."""

import enum
from collections.abc import Collection, Mapping
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from gateway.codec.dialect import Dialect, Nulls
from gateway.descriptor_options import enum_value_options, field_options
from gateway_options.v1 import options_pb2

Json = dict[str, Any]

INT32: Final[Json] = {"type": "integer", "format": "int32"}
INT64: Final[Json] = {"type": "integer", "format": "int64"}
BYTES: Final[Json] = {"type": "string", "contentEncoding": "base64"}
BINARY: Final[Json] = {"type": "string", "format": "binary"}

LONG_TYPES: Final = frozenset(
    {
        FieldDescriptor.TYPE_INT64,
        FieldDescriptor.TYPE_UINT64,
        FieldDescriptor.TYPE_SINT64,
        FieldDescriptor.TYPE_FIXED64,
        FieldDescriptor.TYPE_SFIXED64,
    }
)
SCALARS: Final[Mapping[int, Json]] = {
    FieldDescriptor.TYPE_DOUBLE: {"type": "number", "format": "double"},
    FieldDescriptor.TYPE_FLOAT: {"type": "number", "format": "float"},
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_BYTES: BYTES,
    FieldDescriptor.TYPE_INT32: INT32,
    FieldDescriptor.TYPE_SINT32: INT32,
    FieldDescriptor.TYPE_SFIXED32: INT32,
    FieldDescriptor.TYPE_UINT32: {**INT32, "minimum": 0},
    FieldDescriptor.TYPE_FIXED32: {**INT32, "minimum": 0},
}
# Messages with a JSON form of their own. Source: https://protobuf.dev/programming-guides/json/
WELL_KNOWN: Final[Mapping[str, Json]] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$"},
    "google.protobuf.FieldMask": {"type": "string"},
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
        schema["properties"] = {key_of(field, dialect): self.field(field, dialect, direction) for field in fields}
        required = [key_of(field, dialect) for field in fields if _is_required(field, dialect, direction)]
        if required:
            schema["required"] = required
        return schema

    def field(self, field: FieldDescriptor, dialect: Dialect, direction: Direction) -> Json:
        """Schema of a field, with its comment and its bounds."""
        entry = _map_entry(field)
        if entry is not None:
            value = entry.fields_by_name["value"]
            schema: Json = {"type": "object", "additionalProperties": self._single(value, dialect, direction)}
        elif field.is_repeated:
            schema = {"type": "array", "items": self._single(field, dialect, direction)}
        else:
            schema = self._single(field, dialect, direction)
        if direction is Direction.REQUEST:
            schema.update(bounds(field))
        elif dialect.nulls is Nulls.NULL and field.has_presence:
            schema = _or_null(schema)
        self.describe(schema, field.full_name)
        return schema

    def describe(self, schema: Json, full_name: str) -> None:
        """Add the comment on `full_name`, if there is one."""
        if full_name in self._comments:
            schema["description"] = self._comments[full_name]

    def _single(self, field: FieldDescriptor, dialect: Dialect, direction: Direction) -> Json:
        if field.message_type is not None:
            return self.message(field.message_type, dialect, direction)
        if field.enum_type is not None:
            return enum_schema(field.enum_type, direction)
        if field.type in LONG_TYPES:
            return dict(INT64) if dialect.number_integers else {"type": "string", "format": "int64"}
        return dict(SCALARS[field.type])

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


def enum_schema(descriptor: EnumDescriptor, direction: Direction) -> Json:
    """Texts of an enum. Requests have no use for the zero value that stands for "not given"."""
    if descriptor.full_name == "google.protobuf.NullValue":
        return {"type": "null"}
    texts = [
        enum_value_options(value).json_name or value.name
        for value in descriptor.values
        if direction is Direction.ANSWER or not (value.number == 0 and value.name.endswith("_UNSPECIFIED"))
    ]
    return {"type": "string", "enum": texts}


def bounds(field: FieldDescriptor) -> Json:
    """What the options of a field say about its values."""
    options = field_options(field)
    words = _bound_words(field)
    schema: Json = {}
    if words is not None:
        if options.HasField("min"):
            schema[words[0]] = options.min
        if options.HasField("max"):
            schema[words[1]] = options.max
    if options.pattern:
        schema["pattern"] = f"^(?:{options.pattern})$"
    if options.default_value:
        schema["default"] = _default(field, options)
    if options.secret:
        schema |= {"format": "password", "writeOnly": True}
    return schema


def _bound_words(field: FieldDescriptor) -> tuple[str, str] | None:
    if field.is_repeated:
        return ("minItems", "maxItems") if _map_entry(field) is None else ("minProperties", "maxProperties")
    if field.type == FieldDescriptor.TYPE_STRING:
        return "minLength", "maxLength"
    if field.message_type is None and field.type != FieldDescriptor.TYPE_BYTES:
        return "minimum", "maximum"
    return None


def _default(field: FieldDescriptor, options: options_pb2.FieldOptions) -> Any:
    text = options.default_value
    if field.type == FieldDescriptor.TYPE_BOOL:
        return text == "true"
    if field.type in (FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT):
        return float(text)
    if field.cpp_type in (FieldDescriptor.CPPTYPE_STRING, FieldDescriptor.CPPTYPE_ENUM):
        return text
    return int(text)


def _is_required(field: FieldDescriptor, dialect: Dialect, direction: Direction) -> bool:
    if direction is Direction.REQUEST:
        return field_options(field).required
    if dialect.nulls is Nulls.NULL:
        # A member of a oneof that is not set is null, as every other field.
        return True
    return dialect.nulls is Nulls.OMIT and not field.has_presence


def _map_entry(field: FieldDescriptor) -> Descriptor | None:
    """The message that stands for an entry, if the field is a map."""
    entry = field.message_type
    return entry if entry is not None and entry.GetOptions().map_entry else None


def _or_null(schema: Json) -> Json:
    kind = schema.get("type")
    if kind is None:
        return {"anyOf": [schema, {"type": "null"}]} if schema else schema
    nullable = {**schema, "type": [kind, "null"]}
    if "enum" in schema:
        nullable["enum"] = [*schema["enum"], None]
    return nullable
