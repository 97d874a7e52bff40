"""The documented words of enum values, as the HTTP side has them: "running" for RUN_STATUS_RUNNING."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.message import Message

from gateway_options.v1 import options_pb2


def word(message: Message, field: str) -> str:
    """Return the word of the enum `field` of `message`; the number, as text, of a value newer than this package.

    >>> from switchyard.bots.v1.run_pb2 import Run
    >>> word(Run(status="RUN_STATUS_SUCCESS"), "status")
    'success'
    """
    enum = message.DESCRIPTOR.fields_by_name[field].enum_type
    if enum is None:
        raise ValueError(f"{field} is no enum")
    return _word(enum, getattr(message, field))


@lru_cache(maxsize=1024)
def _word(enum: EnumDescriptor, number: int) -> str:
    value: Any = enum.values_by_number.get(number)
    if value is None:
        return str(number)
    return str(value.GetOptions().Extensions[options_pb2.enum_value].json_name or value.name)
