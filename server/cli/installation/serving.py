"""Asks a gRPC server whether it is SERVING, by hand.

Importing grpc would keep 20 MB in the supervisor, which has this one question. So here are the five frames it takes:
https://www.rfc-editor.org/rfc/rfc9113 (HTTP/2), section 4.1 for the frame, and
https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md for the call.
"""

import socket
from collections.abc import Iterator
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS = 0x0, 0x1, 0x4
END_STREAM, END_HEADERS = 0x1, 0x4
# An empty HealthCheckRequest: not compressed, no bytes.
REQUEST: Final = b"\0\0\0\0\0"
# A HealthCheckResponse whose field 1 is SERVING (1): not compressed, two bytes.
SERVING: Final = b"\0\0\0\0\2\x08\1"


def is_serving(host: str, port: int, *, timeout: float = 2.0) -> bool:
    """Call grpc.health.v1.Health/Check; say whether the answer is SERVING. `timeout` is in seconds, for each wait."""
    headers = (
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/grpc.health.v1.Health/Check"),
        (":authority", f"{host}:{port}"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
    )
    call = (
        PREFACE
        + frame(SETTINGS, 0, stream=0)
        + frame(HEADERS, END_HEADERS, stream=1, payload=b"".join(header(name, value) for name, value in headers))
        + frame(DATA, END_STREAM, stream=1, payload=REQUEST)
    )
    try:
        with socket.create_connection((host, port), timeout=timeout) as connection:
            connection.sendall(call)
            return SERVING in b"".join(answer_data(connection))
    except OSError:
        return False


def frame(kind: int, flags: int, *, stream: int, payload: bytes = b"") -> bytes:
    """Return one HTTP/2 frame."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def header(name: str, value: str) -> bytes:
    """Return a header field without index and without Huffman code (RFC 7541, section 6.2.2); both below 127 bytes."""
    return b"\0" + bytes((len(name),)) + name.encode() + bytes((len(value),)) + value.encode()


def answer_data(connection: socket.socket) -> Iterator[bytes]:
    """Yield the payload of each DATA frame until the answer ends or the peer closes."""
    with connection.makefile("rb") as stream:
        while len(head := stream.read(9)) == 9:
            size, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
            payload = stream.read(size)
            if kind == DATA:
                yield payload
            if kind in (DATA, HEADERS) and flags & END_STREAM:
                return
