"""The functions to call again and again, for one descriptor or field and one dialect. Each is compiled once.

The native transcoder goes first. What it declines, and everything where it is not built, is done in Python.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message

from gateway.codec import in_python
from gateway.codec.dialect import STRICT, Dialect
from gateway.codec.native import transcoder


@cache
def dumper(descriptor: Descriptor, dialect: Dialect = STRICT) -> Callable[[Message], bytes]:
    """The function that writes a message of `descriptor` as JSON text in UTF-8. It raises DumpError."""
    dump_in_python = in_python.dumper(descriptor, dialect)
    native = transcoder(descriptor, dialect)
    if native is None:
        return dump_in_python
    dump_natively = native.dump

    def dump(message: Message) -> bytes:
        text = dump_natively(message.SerializePartialToString)
        return text if text is not None else dump_in_python(message)

    return dump


@cache
def value_dumper(field: FieldDescriptor, dialect: Dialect = STRICT) -> Callable[[Message], bytes]:
    """The function that writes the value `field` has in a message as JSON text in UTF-8. It raises DumpError.

    An unset object or list is an empty one, or null where the dialect sends nulls; any other unset field with presence
    is null.
    """
    dump_in_python = in_python.value_dumper(field, dialect)
    native = transcoder(_container(field), dialect)
    if native is None or field.is_extension:
        return dump_in_python
    dump_field, index = native.dump_field, field.index

    def dump(message: Message) -> bytes:
        text = dump_field(message.SerializePartialToString, index)
        return text if text is not None else dump_in_python(message)

    return dump


@cache
def parser(descriptor: Descriptor, dialect: Dialect = STRICT) -> Callable[[bytes], Any]:
    """The function that makes a message of `descriptor` from JSON text in UTF-8. It raises ParseError."""
    parse_in_python = in_python.parser(descriptor, dialect)
    native = transcoder(descriptor, dialect)
    if native is None:
        return parse_in_python
    parse_text, from_wire = native.parse, message_factory.GetMessageClass(descriptor).FromString

    def parse(data: bytes) -> Any:
        wire = parse_text(data)
        if wire is None:
            return parse_in_python(data)
        try:
            return from_wire(wire)
        except DecodeError:
            # Nested deeper than the runtime reads; a constructor has no such limit.
            return parse_in_python(data)

    return parse


@cache
def value_parser(field: FieldDescriptor, dialect: Dialect = STRICT) -> Callable[[bytes], Any]:
    """The function that makes a message with nothing but `field` set, to what a JSON text in UTF-8 spells.

    It raises ParseError, whose path starts inside the field.
    """
    parse_in_python = in_python.value_parser(field, dialect)
    native = transcoder(_container(field), dialect)
    if native is None or field.is_extension:
        return parse_in_python
    parse_field, index = native.parse_field, field.index
    from_wire = message_factory.GetMessageClass(_container(field)).FromString

    def parse(data: bytes) -> Any:
        wire = parse_field(data, index)
        if wire is None:
            return parse_in_python(data)
        try:
            return from_wire(wire)
        except DecodeError:
            return parse_in_python(data)

    return parse


def _container(field: FieldDescriptor) -> Descriptor:
    container: Any = field.containing_type  # the stubs allow None, which no field of a message has
    descriptor: Descriptor = container
    return descriptor
