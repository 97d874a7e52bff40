"""Payloads and results of Tasks, which are stored as a serialized `google.protobuf.Any`. Pure."""

from typing import TypeVar

from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message

MessageT = TypeVar("MessageT", bound=Message)


def unpacked(packed: bytes | None, message: MessageT) -> MessageT:
    """Return `message` with what `packed` holds; as it is where that is nothing, or of another type."""
    Any.FromString(packed or b"").Unpack(message)
    return message
