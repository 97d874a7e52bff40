"""The codec in Python. It defines what each text means: the native transcoder agrees with it or leaves the
work to it.

Functions are compiled once per descriptor, or field, and dialect.
"""

from collections.abc import Callable
from typing import Any

import orjson
from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from gateway.codec.dialect import STRICT, Dialect
from gateway.codec.errors import DumpError
from gateway.codec.field_dialect import holds_json_text, json_text
from gateway.codec.json_text import load, load_spelled
from gateway.codec.parser import field_parser, message_builder
from gateway.codec.printer import field_printer, message_printer


def dumper(descriptor: Descriptor, dialect: Dialect = STRICT) -> Callable[[Message], bytes]:
    """The function that writes a message of `descriptor` as JSON text in UTF-8. It raises DumpError."""
    print_message = message_printer(descriptor, dialect)
    return lambda message: _text(print_message, message)


def value_dumper(field: FieldDescriptor, dialect: Dialect = STRICT) -> Callable[[Message], bytes]:
    """The function that writes the value `field` has in a message as JSON text in UTF-8. It raises DumpError."""
    print_field = field_printer(field, dialect)
    return lambda message: _text(print_field, message)


def parser(descriptor: Descriptor, dialect: Dialect = STRICT) -> Callable[[bytes], Any]:
    """The function that makes a message of `descriptor` from JSON text in UTF-8. It raises ParseError."""
    build, read = message_builder(descriptor, dialect), _loader(descriptor, dialect)
    return lambda data: build(read(data))


def value_parser(field: FieldDescriptor, dialect: Dialect = STRICT) -> Callable[[bytes], Any]:
    """The function that makes a message with nothing but `field` set, to what a JSON text in UTF-8 spells.

    It raises ParseError, whose path starts inside the field.
    """
    container: Any = field.containing_type  # the stubs allow None, which no field of a message has
    message_class = message_factory.GetMessageClass(container)
    name, parse_field = field.name, field_parser(field, dialect)
    if json_text(field, dialect):
        return lambda data: message_class(**{name: parse_field(load_spelled(data))})
    read = load if field.message_type is None else _loader(field.message_type, dialect)
    return lambda data: message_class(**{name: parse_field(read(data))})


def _loader(descriptor: Descriptor, dialect: Dialect) -> Callable[[bytes], Any]:
    return (lambda data: load_spelled(data).value) if holds_json_text(descriptor, dialect) else load


def _text(print_value: Callable[[Message], Any], message: Message) -> bytes:
    # A string of proto2 may hold any bytes. The runtime gives such a one as bytes, or refuses it as the key of a map.
    try:
        value = print_value(message)
    except UnicodeDecodeError as error:
        raise DumpError("the key of a map is not valid UTF-8") from error
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise DumpError("a string is not valid UTF-8") from error
