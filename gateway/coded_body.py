"""Compressed bodies of requests, decoded as they come and never much ahead of whoever reads them.

Source: RFC 9110, sections 8.4 and 15.5.16. A few bytes may stand for a thousand times as many; so every piece is
decoded in steps of bounded size, and limits of size count what comes out.
"""

import zlib
from collections.abc import Callable, Iterator
from typing import Final, Protocol

import grpc
import zstandard

from gateway.errors import BadRequest, GatewayError
from gateway.request_body import Event, Receive

# Most that one step gives.
PIECE_BYTES: Final = 64 * 1024
# A block of zstd takes 4 bytes at least and gives 128 KiB at most (RFC 8878, section 3.1.1.2), and the decoder cannot
# be stopped within what it was fed: so one step gives 1 MiB at most, at 190 MB/s still.
ZSTD_STEP_BYTES: Final = 32
# RFC 9659: what a sender may expect a reader to hold.
ZSTD_WINDOW_BYTES: Final = 8 * 1024 * 1024
# Coded bytes in a row that may stand for nothing. More is no body but a way to keep the gateway busy.
HOLLOW_BYTES: Final = 64 * 1024


class CodingUnknown(GatewayError):
    """The body is in a coding that is not read here."""

    def __init__(self, coding: str) -> None:
        message = f"Content-Encoding {coding!r} is not supported: send gzip, zstd or none"
        headers = [("accept-encoding", "gzip, zstd")]
        super().__init__(grpc.StatusCode.INVALID_ARGUMENT, message, http_status=415, headers=headers)


class Decoder(Protocol):
    """Decodes one body."""

    @property
    def complete(self) -> bool:
        """Whether the coded body may end here."""
        ...

    def decode(self, data: bytes) -> Iterator[bytes]:
        """Yield what the next bytes stand for, step by step. Raises zlib.error or zstandard.ZstdError."""
        ...


class GzipDecoder:
    """Reads gzip, also of several members one behind the other (RFC 1952, section 2.2)."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(zlib.MAX_WBITS + 16)
        self._begun = False

    @property
    def complete(self) -> bool:
        """Whether the coded body may end here."""
        return self._member.eof or not self._begun

    def decode(self, data: bytes) -> Iterator[bytes]:
        """Yield what the next bytes stand for, step by step. Raises zlib.error."""
        piece = b""
        # A full piece may leave some of its output behind even when its input is used up.
        while data or (len(piece) == PIECE_BYTES and not self._member.eof):
            if self._member.eof:
                self._member = zlib.decompressobj(zlib.MAX_WBITS + 16)
            self._begun = True
            piece = self._member.decompress(data, PIECE_BYTES)
            yield piece
            data = self._member.unconsumed_tail or self._member.unused_data


class ZstdDecoder:
    """Reads zstd, also of several frames one behind the other (RFC 8878, section 3.1)."""

    def __init__(self) -> None:
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES)
        self._frame = self._next_frame()
        self._begun = False

    @property
    def complete(self) -> bool:
        """Whether the coded body may end here."""
        return self._frame.eof or not self._begun

    def decode(self, data: bytes) -> Iterator[bytes]:
        """Yield what the next bytes stand for, step by step. Raises zstandard.ZstdError."""
        for start in range(0, len(data), ZSTD_STEP_BYTES):
            step = data[start : start + ZSTD_STEP_BYTES]
            while step:
                if self._frame.eof:
                    self._frame = self._next_frame()
                self._begun = True
                yield self._frame.decompress(step)
                step = self._frame.unused_data

    def _next_frame(self) -> "zstandard.ZstdDecompressionObj":
        return self._decompressor.decompressobj(write_size=PIECE_BYTES)


DECODERS: Final[dict[str, Callable[[], Decoder]]] = {"gzip": GzipDecoder, "x-gzip": GzipDecoder, "zstd": ZstdDecoder}


def decoded(receive: Receive, content_encoding: bytes) -> Receive:
    """Return a channel that gives the body of `receive` decoded, and all other events as they are.

    It raises BadRequest for a body that is not what its header says, and asks for no more of it before all that came is
    taken.

    Raises:
        CodingUnknown: by the header, the body is in a coding that is not read here, or in several.
    """
    coding = content_encoding.decode("latin-1").strip().lower()
    if coding in ("", "identity"):
        return receive
    if coding not in DECODERS:
        raise CodingUnknown(coding)
    events = _Events(receive, DECODERS[coding](), coding)
    return events.receive


class _Events:
    """The events of one request, decoded."""

    def __init__(self, receive: Receive, decoder: Decoder, coding: str) -> None:
        self._receive = receive
        self._decoder = decoder
        self._coding = coding
        self._steps: Iterator[bytes] = iter(())
        self._last = False
        self._over = False
        self._hollow_bytes = 0

    async def receive(self) -> Event:
        """Return the next event; a piece of the body has at most 1 MiB."""
        if self._over:
            return await self._receive()
        while True:
            piece = self._next_step()
            if piece:
                self._hollow_bytes = 0
                return {"type": "http.request", "body": piece, "more_body": True}
            if self._last:
                self._over = True
                if not self._decoder.complete:
                    raise BadRequest(f"the body ends before its {self._coding} coding does")
                return {"type": "http.request", "body": b"", "more_body": False}
            event = await self._receive()
            if event["type"] != "http.request":
                return event
            data = event.get("body", b"")
            self._last = not event.get("more_body", False)
            if self._hollow_bytes > HOLLOW_BYTES:
                raise BadRequest(f"the {self._coding} coding of the body goes on without content")
            self._hollow_bytes += len(data)
            self._steps = self._decoder.decode(data)

    def _next_step(self) -> bytes:
        """The next piece there is; empty when more must be read."""
        try:
            return next((piece for piece in self._steps if piece), b"")
        except (zlib.error, zstandard.ZstdError) as error:
            raise BadRequest(f"the body must be valid {self._coding}, as its Content-Encoding says") from error
