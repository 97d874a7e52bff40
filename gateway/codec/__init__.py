"""ProtoJSON for any message, compiled once per descriptor and dialect.

`dump` and `parse` are strict ProtoJSON unless a `Dialect` says otherwise. Where one descriptor is used again and again,
`dumper` and `parser` give the compiled functions themselves.
"""

from dataclasses import replace
from functools import cache
from typing import Any, TypeVar

from google.protobuf import any_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message

from gateway.codec.compiled import dumper, parser, value_dumper, value_parser
from gateway.codec.dialect import STRICT, Dialect, Nulls
from gateway.codec.errors import DumpError, ParseError
from gateway.codec.printer import message_printer
from gateway.codec.well_known_printer import any_printer

M = TypeVar("M", bound=Message)

__all__ = [
    "STRICT",
    "Dialect",
    "DumpError",
    "Nulls",
    "ParseError",
    "dump",
    "dump_value",
    "dumper",
    "jsonable_any",
    "parse",
    "parser",
    "value_dumper",
    "value_parser",
]


def dump(message: Message, dialect: Dialect = STRICT) -> bytes:
    """`message` as JSON text in UTF-8.

    Raises:
        DumpError: a value has no JSON form.
    """
    descriptor: Any = message.DESCRIPTOR  # the stubs give it two types
    return dumper(descriptor, dialect)(message)


def dump_value(message: Message, field_name: str, dialect: Dialect = STRICT) -> bytes:
    """One field of `message` as JSON text in UTF-8: a scalar, an object, or a list for a repeated field.

    An unset object or list is an empty one, or null where the dialect sends nulls; any other unset field with presence
    is null.

    Raises:
        DumpError: a value has no JSON form.
    """
    field: Any = message.DESCRIPTOR.fields_by_name[field_name]
    return value_dumper(field, dialect)(message)


def jsonable_any(message: any_pb2.Any, pool: DescriptorPool, dialect: Dialect = STRICT) -> dict[str, Any]:
    """`message` as what `orjson.dumps` takes, if its type is described in `pool`. Raises DumpError."""
    printed: dict[str, Any] = any_printer(pool, dialect, message_printer)(message)
    return printed


def parse(data: bytes, message_class: type[M], dialect: Dialect = STRICT, *, ignore_unknown: bool = False) -> M:
    """The message that `data` (JSON text in UTF-8) spells.

    `ignore_unknown` skips unknown keys and unknown names of enums, whatever the dialect says.

    Raises:
        ParseError: `data` is no JSON, or not the JSON of this message. It names the first field that is wrong.
    """
    if ignore_unknown:
        dialect = _ignoring(dialect)
    descriptor: Any = message_class.DESCRIPTOR
    message: M = parser(descriptor, dialect)(data)
    return message


@cache
def _ignoring(dialect: Dialect) -> Dialect:
    return replace(dialect, ignore_unknown_fields=True, ignore_unknown_enums=True)
