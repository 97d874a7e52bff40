"""Messages in a row: one byte of flags, four bytes of length (big-endian), then so many bytes.

Sources: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md ("Length-Prefixed-Message"), which gRPC-Web
shares, and https://connectrpc.com/docs/protocol ("Enveloped-Message").
"""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from gateway.errors import BadRequest, MessageTooLarge

# The message is compressed with what a header of the request or answer names. All other flags are a protocol's own.
COMPRESSED: Final = 0b1

_PREFIX: Final = struct.Struct(">BI")
PREFIX_BYTES: Final = _PREFIX.size


class Envelope(NamedTuple):
    """One message as it is sent."""

    flags: int
    data: bytes


def pack(flags: int, data: bytes) -> bytes:
    """`data` (less than 4 GiB) in its envelope."""
    return _PREFIX.pack(flags, len(data)) + data


class EnvelopeReader:
    """Takes a body apart. Holds at most one message of `limit_bytes`, and what came in one piece with it."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._buffer = bytearray()

    def feed(self, piece: bytes) -> Iterator[Envelope]:
        """Yield the envelopes that `piece` completes. To be used up before the next piece.

        Raises:
            MessageTooLarge: an envelope declares more than `limit_bytes`; nothing of it is waited for.
        """
        self._buffer += piece
        at = 0
        while len(self._buffer) - at >= PREFIX_BYTES:
            flags, length = _PREFIX.unpack_from(self._buffer, at)
            if length > self._limit_bytes:
                raise MessageTooLarge(self._limit_bytes)
            end = at + PREFIX_BYTES + length
            if len(self._buffer) < end:
                break
            yield Envelope(flags, bytes(self._buffer[at + PREFIX_BYTES : end]))
            at = end
        del self._buffer[:at]

    def finish(self) -> None:
        """Say that the body is over.

        Raises:
            BadRequest: it ends inside an envelope.
        """
        if self._buffer:
            raise BadRequest("the body ends inside an envelope")
