"""Messages that are compressed one by one."""

import zlib
from typing import Final

import grpc

from gateway.errors import BadRequest, GatewayError, MessageTooLarge
from gateway.http.coded_body import DECODERS, CodingBroken, CodingHollow, Unpacker

IDENTITY: Final = b"identity"
GZIP: Final = b"gzip"
# What clients may send. Answers are in gzip, which all clients know, or not compressed.
KNOWN: Final = "gzip, zstd"
# zlib's number for a window of 32 KiB with the header and trailer of gzip.
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS


class CodingNotImplemented(GatewayError):
    """Messages are compressed in a way that is not read here; UNIMPLEMENTED in gRPC and Connect alike.

    Source: https://github.com/grpc/grpc/blob/master/doc/compression.md, and "Unary-Request" of Connect.
    """

    def __init__(self, named_by: str) -> None:
        # RFC 9110, section 12.5.3, and its twin in gRPC.
        headers = [("accept-encoding", KNOWN), ("grpc-accept-encoding", KNOWN)]
        super().__init__(grpc.StatusCode.UNIMPLEMENTED, f"{named_by} must be one of {KNOWN}, identity", headers=headers)


def read_coding(value: bytes | None, named_by: str) -> str | None:
    """The coding that a header or parameter names; None for no compression. Raises CodingNotImplemented."""
    if value is None or value == IDENTITY:
        return None
    coding = value.decode("latin-1")
    if coding not in DECODERS:
        raise CodingNotImplemented(named_by)
    return coding


def compress(data: bytes) -> bytes:
    """`data` as gzip."""
    # Level 1 takes a third of the time of the default for about a tenth more bytes.
    packer = zlib.compressobj(1, zlib.DEFLATED, _GZIP_WINDOW)
    return packer.compress(data) + packer.flush()


def decompress(data: bytes, coding: str, limit_bytes: int) -> bytes:
    """What `data` stands for; nothing where there is nothing. Unpacks at most 1 MiB more than `limit_bytes`.

    Raises:
        BadRequest: `data` is not in this coding, breaks off, or goes on without content.
        MessageTooLarge: it stands for more than `limit_bytes`.
    """
    unpacker = Unpacker(coding)
    whole = bytearray()
    try:
        for piece in unpacker.unpack(data):
            whole += piece
            if len(whole) > limit_bytes:
                raise MessageTooLarge(limit_bytes)
    except CodingBroken as error:
        raise BadRequest(f"a compressed message must be valid {coding}") from error
    except CodingHollow as error:
        raise BadRequest(f"the {coding} coding of a message goes on without content") from error
    if not unpacker.complete:
        raise BadRequest("a compressed message ends too early")
    return bytes(whole)
