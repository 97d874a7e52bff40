"""Messages between us and the agent in a container, as bytes: a header of fixed fields, and a payload.

Pure. Source: https://github.com/aws/session-manager-plugin, src/message/clientmessage.go and messageparser.go.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from hashlib import sha256
from typing import Final
from uuid import UUID

# Length of the header, type, version of the schema, time of creation, sequence number, flags, id, digest of the payload
# and its type; then, which the header does not count, its length.
_FIELDS: Final = struct.Struct(">I32sIQqQ16s32sII")
_HEADER_LENGTH: Final = _FIELDS.size - 4
_SCHEMA_VERSION: Final = 1
# Flags of a message that is the first and the last of its sequence.
ALONE: Final = 0b11


class MessageType(StrEnum):
    """The types we know; others may come."""

    INPUT = "input_stream_data"
    OUTPUT = "output_stream_data"
    ACKNOWLEDGE = "acknowledge"
    CHANNEL_CLOSED = "channel_closed"
    START_PUBLICATION = "start_publication"
    PAUSE_PUBLICATION = "pause_publication"


class PayloadType(IntEnum):
    """What is in a payload of the streams, as far as we know it."""

    NONE = 0
    OUTPUT = 1  # bytes of the terminal, in both directions
    SIZE = 3
    HANDSHAKE_REQUEST = 5
    HANDSHAKE_RESPONSE = 6
    FLAG = 10


# All that the service says by them is their type; their digest is not to be relied on.
_BARE: Final = frozenset({MessageType.START_PUBLICATION, MessageType.PAUSE_PUBLICATION})


class Damaged(Exception):
    """Bytes that are no message."""


@dataclass(frozen=True, slots=True)
class AgentMessage:
    """One message. Types are plain where they are not known."""

    message_type: str
    message_id: UUID
    created: int  # ms since 1970
    sequence_number: int = 0
    flags: int = 0
    payload_type: int = PayloadType.NONE
    payload: bytes = b""


def encode(message: AgentMessage) -> bytes:
    """Return `message` as it is sent."""
    fields = _FIELDS.pack(
        _HEADER_LENGTH,
        message.message_type.encode("ascii").ljust(32),
        _SCHEMA_VERSION,
        message.created,
        message.sequence_number,
        message.flags,
        _halves_swapped(message.message_id.bytes),
        sha256(message.payload).digest(),
        message.payload_type,
        len(message.payload),
    )
    return fields + message.payload


def decode(data: bytes) -> AgentMessage:
    """Return the message in `data`, whose header may have grown by fields that we do not know.

    Raises:
        Damaged: it is cut off, its lengths contradict each other, or its payload is not that of its digest.
    """
    if len(data) < _FIELDS.size:
        raise Damaged(f"{len(data)} bytes are no header")
    length, name, _, created, number, flags, identity, digest, payload_type, payload_length = _FIELDS.unpack_from(data)
    message_type = _text(name)
    payload = b"" if message_type in _BARE else data[length + 4 :]
    if message_type not in _BARE:
        _check(length, payload, payload_length, digest)
    if number < 0:
        raise Damaged(f"a sequence number of {number}")
    return AgentMessage(
        message_type, UUID(bytes=_halves_swapped(identity)), created, number, flags, payload_type, payload
    )


def _check(header_length: int, payload: bytes, payload_length: int, digest: bytes) -> None:
    if header_length < _HEADER_LENGTH:
        raise Damaged(f"a header of {header_length} bytes")
    if len(payload) != payload_length:
        raise Damaged(f"{len(payload)} bytes of payload, and {payload_length} were announced")
    if payload and sha256(payload).digest() != digest:
        raise Damaged("the payload is not that of the digest")


def _text(name: bytes) -> str:
    # Padded with blanks by the agent, and with zeros by others.
    try:
        return name.decode("ascii").strip(" \0")
    except UnicodeDecodeError as error:
        raise Damaged("a type that is no text") from error


def _halves_swapped(identity: bytes) -> bytes:
    return identity[8:] + identity[:8]
