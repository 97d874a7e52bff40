"""JSON values to what message constructors take, by functions compiled once per descriptor and dialect.

The constructor of a message is C code; it takes a whole tree of dicts and lists in one call. So parsing checks and
renames, and builds no message of its own, except where a constructor cannot be told: extensions and Any.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NoReturn

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from gateway.codec import json_field
from gateway.codec.dialect import Dialect
from gateway.codec.enum_words import NULL_VALUE
from gateway.codec.errors import ParseError
from gateway.codec.field_dialect import json_text, value_dialect
from gateway.codec.json_text import shortened, spelled_items, spelled_members, spelling
from gateway.codec.scalars import SKIPPED, ParseValue, bool_of_text, scalar_parser
from gateway.codec.well_known_parser import WELL_KNOWN, struct_fields

Build = Callable[[Any], Any]
# (name in the constructor, name in error messages, function that reads the value, whether null is a value, whether the
# function reads how the value is spelled)
_Known = tuple[str, str, ParseValue, bool, bool]

_PARSERS: dict[tuple[Descriptor, Dialect], ParseValue] = {}
_BUILDERS: dict[tuple[Descriptor, Dialect], Build] = {}


def message_builder(descriptor: Descriptor, dialect: Dialect) -> Build:
    """The function that makes a message of `descriptor` from a JSON value. It raises ParseError."""
    key = (descriptor, dialect)
    found = _BUILDERS.get(key)
    if found is None:
        found = _BUILDERS[key] = _builder(descriptor, dialect)
    return found


def _builder(descriptor: Descriptor, dialect: Dialect) -> Build:
    message_class = message_factory.GetMessageClass(descriptor)
    if descriptor.full_name == "google.protobuf.Struct":
        # Within a message a Struct is given as a plain dict; by itself it has a field `fields`.
        return lambda value: message_class(fields=struct_fields(value))
    parse = message_parser(descriptor, dialect)

    def build(value: Any) -> Message:
        arguments = parse(value)
        return message_class(**arguments) if type(arguments) is dict else arguments

    return build


def message_parser(descriptor: Descriptor, dialect: Dialect) -> ParseValue:
    """The function that turns a JSON value into what a constructor takes for a field of type `descriptor`."""
    key = (descriptor, dialect)
    found = _PARSERS.get(key)
    if found is not None:
        return found
    # Until it is compiled, fields of a recursive type find this in its place.
    _PARSERS[key] = lambda value: _PARSERS[key](value)
    compile_parser = WELL_KNOWN.get(descriptor.full_name)
    if compile_parser is not None:
        _PARSERS[key] = compile_parser(descriptor, dialect, message_builder)
    elif descriptor.is_extendable:
        _PARSERS[key] = _extendable_parser(descriptor, dialect)
    else:
        _PARSERS[key] = _fields_parser(descriptor, dialect)
    return _PARSERS[key]


def field_parser(field: FieldDescriptor, dialect: Dialect) -> ParseValue:
    """The function that turns a JSON value into what a constructor takes for `field`, repeated or not.

    Of a field of JSON texts it takes the `Spelling`.
    """
    message_type, own = field.message_type, value_dialect(field, dialect)
    spelled = bool(json_text(field, dialect))
    if message_type is not None and message_type.GetOptions().map_entry:
        parse_map = _map_parser(message_type, own)
        return (lambda value: parse_map(spelled_members(value))) if spelled else parse_map
    parse = _single_parser(field, own)
    if not field.is_repeated:
        return parse
    parse_list = _list_parser(parse, takes_null=_takes_null(field))
    return (lambda value: parse_list(spelled_items(value))) if spelled else parse_list


def _single_parser(field: FieldDescriptor, dialect: Dialect) -> ParseValue:
    kind = json_text(field, dialect)
    if kind:
        return json_field.PARSERS[kind]
    if field.message_type is not None:
        return message_parser(field.message_type, dialect)
    if field.enum_type is not None and field.enum_type.full_name == NULL_VALUE:
        parse_null = scalar_parser(field, dialect)
        return lambda value: 0 if value is None else parse_null(value)
    return scalar_parser(field, dialect)


def _takes_null(field: FieldDescriptor) -> bool:
    if field.message_type is not None:
        return field.message_type.full_name == "google.protobuf.Value"
    return field.enum_type is not None and field.enum_type.full_name == NULL_VALUE


def _fields_parser(descriptor: Descriptor, dialect: Dialect) -> ParseValue:
    known = _known_fields(descriptor, dialect)
    ignore_unknown = dialect.ignore_unknown_fields
    oneofs = _oneofs(descriptor, dialect)

    def parse_fields(data: Any) -> dict[str, Any]:
        if type(data) is not dict:
            raise ParseError("must be an object")
        out: dict[str, Any] = {}
        for key, value in data.items():
            found = known.get(key)
            if found is None:
                if ignore_unknown:
                    continue
                raise ParseError("is not a known field", shortened(key))
            name, label, parse, takes_null, spelled = found
            if value is None and not takes_null:
                continue
            given = spelling(key, value) if spelled else value
            try:
                parsed = parse(given) if name not in out else _refuse_second_name()
            except ParseError as refusal:
                raise refusal.inside(label) from refusal
            if parsed is not SKIPPED:
                out[name] = parsed
        if oneofs:
            _refuse_two_members(oneofs, out)
        return out

    return parse_fields


def _known_fields(descriptor: Descriptor, dialect: Dialect) -> Mapping[str, _Known]:
    known: dict[str, _Known] = {}
    for field in descriptor.fields:
        takes_null = _takes_null(field) and not field.is_repeated
        parse, spelled = field_parser(field, dialect), bool(json_text(field, dialect))
        known[field.json_name] = (field.name, _label(field, dialect), parse, takes_null, spelled)
    for field in descriptor.fields:
        # Where the name of one field is the JSON name of another, it means that other.
        known.setdefault(field.name, known[field.json_name])
    return known


def _label(field: FieldDescriptor, dialect: Dialect) -> str:
    return field.name if dialect.proto_names else field.json_name


def _oneofs(descriptor: Descriptor, dialect: Dialect) -> list[dict[str, str]]:
    """Members of each oneof: names, with the names for error messages. Synthetic ones have one member and need none."""
    groups = ({field.name: _label(field, dialect) for field in oneof.fields} for oneof in descriptor.oneofs)
    return [group for group in groups if len(group) > 1]


def _refuse_second_name() -> NoReturn:
    raise ParseError("must not be given under both of its names")


def _refuse_two_members(oneofs: list[dict[str, str]], given: dict[str, Any]) -> None:
    for labels in oneofs:
        members = labels.keys() & given.keys()
        if len(members) > 1:
            raise ParseError(f"must not have more than one of {', '.join(sorted(labels[name] for name in members))}")


def _list_parser(parse: ParseValue, *, takes_null: bool) -> ParseValue:
    def parse_list(values: Any) -> list[Any]:
        if type(values) is not list:
            raise ParseError("must be a list")
        out: list[Any] = []
        for value in values:
            try:
                if value is None and not takes_null:
                    raise ParseError("must not be null")
                parsed = parse(value)
            except ParseError as refusal:
                raise refusal.inside(f"[{len(out)}]") from refusal
            if parsed is not SKIPPED:
                out.append(parsed)
        return out

    return parse_list


def _map_parser(entry: Descriptor, dialect: Dialect) -> ParseValue:
    parse_key = _key_parser(entry.fields_by_name["key"], dialect)
    value_field = entry.fields_by_name["value"]
    parse = _map_value_parser(value_field, dialect)
    takes_null = _takes_null(value_field)

    def parse_map(data: Any) -> dict[Any, Any]:
        if type(data) is not dict:
            raise ParseError("must be an object")
        out: dict[Any, Any] = {}
        for text, value in data.items():
            try:
                key = parse_key(str(text))  # no longer one that knows how its member is spelled
                if value is None and not takes_null:
                    raise ParseError("must not be null")
                parsed = parse(value)
            except ParseError as refusal:
                raise refusal.inside(f"[{shortened(text)!r}]") from refusal
            if parsed is not SKIPPED:
                out[key] = parsed
        return out

    return parse_map


def _map_value_parser(field: FieldDescriptor, dialect: Dialect) -> ParseValue:
    if field.message_type is not None and field.message_type.full_name == "google.protobuf.Struct":
        # Unlike a field or an element of a list, a Struct in a map is not given as a plain dict.
        return lambda value: {"fields": struct_fields(value)}
    return _single_parser(field, dialect)


def _key_parser(field: FieldDescriptor, dialect: Dialect) -> ParseValue:
    if field.type == FieldDescriptor.TYPE_BOOL:
        return bool_of_text
    # Keys are always quoted in JSON, whatever the dialect says of integers.
    return scalar_parser(field, replace(dialect, number_integers=False))


def _extendable_parser(descriptor: Descriptor, dialect: Dialect) -> ParseValue:
    parse_fields = _fields_parser(descriptor, dialect)
    message_class = message_factory.GetMessageClass(descriptor)

    def parse_extendable(data: Any) -> Message:
        if type(data) is not dict:
            raise ParseError("must be an object")
        plain = {key: value for key, value in data.items() if not _is_extension(key)}
        message = message_class(**parse_fields(plain))
        for key, value in data.items():
            if _is_extension(key) and value is not None:
                _set_extension(message, key, value, dialect)
        return message

    return parse_extendable


def _is_extension(key: str) -> bool:
    return key.startswith("[") and key.endswith("]")


def _set_extension(message: Message, key: str, value: Any, dialect: Dialect) -> None:
    try:
        extension: Any = message.DESCRIPTOR.file.pool.FindExtensionByName(key[1:-1])
    except KeyError as error:
        if dialect.ignore_unknown_fields:
            return
        raise ParseError("is not a known extension", shortened(key)) from error
    if extension.containing_type is not message.DESCRIPTOR:
        raise ParseError(f"is no extension of {message.DESCRIPTOR.full_name}", key)
    try:
        _assign_extension(message, extension, key, value, dialect)
    except ParseError as refusal:
        raise refusal.inside(key) from refusal


def _assign_extension(message: Message, extension: FieldDescriptor, key: str, value: Any, dialect: Dialect) -> None:
    # The stubs want a typed handle that only generated code has.
    extensions: Any = message.Extensions
    if extension.message_type is None:
        parsed = field_parser(extension, dialect)(spelling(key, value) if json_text(extension, dialect) else value)
        if extension.is_repeated:
            extensions[extension].extend(parsed)
        elif parsed is not SKIPPED:
            extensions[extension] = parsed
        return
    build = message_builder(extension.message_type, value_dialect(extension, dialect))
    if extension.is_repeated:
        extensions[extension].extend(_list_parser(build, takes_null=False)(value))
    else:
        extensions[extension].CopyFrom(build(value))
