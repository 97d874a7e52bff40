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
from gateway.http.request_body import Event, Receive

# Most that one step gives.
PIECE_BYTES: Final = 64 * 1024
# A block of zstd takes 4 bytes at least and gives 128 KiB at most (RFC 8878, section 3.1.1.2), and the decoder cannot
# be stopped within what it was fed: so one step gives 1 MiB at most, at 190 MB/s still.
ZSTD_STEP_BYTES: Final = 32
# RFC 9659: what a sender may expect a reader to hold.
ZSTD_WINDOW_BYTES: Final = 8 * 1024 * 1024
# zlib copies what follows a member, or a full piece, each time; so it is given little at once.
GZIP_STEP_BYTES: Final = 4 * 1024
# Coded bytes in a row that may stand for nothing. A block of zstd gives nothing before all of its bytes are there, and
# may have 128 KiB; some more go to the headers before it. What is longer is no body but a way to keep the gateway busy.
HOLLOW_BYTES: Final = 132 * 1024


class CodingUnknown(GatewayError):
    """The body is in a coding that is not read here."""

    def __init__(self, coding: str) -> None:
        message = f"Content-Encoding {coding!r} is not supported: send gzip, zstd or none"
        headers = [("accept-encoding", "gzip, zstd")]
        super().__init__(grpc.StatusCode.INVALID_ARGUMENT, message, http_status=415, headers=headers)


class CodingBroken(Exception):
    """The bytes are not in their coding."""


class CodingHollow(Exception):
    """The bytes go on and on without standing for anything."""


class Decoder(Protocol):
    """Decodes one body, or one message."""

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
        for start in range(0, len(data), GZIP_STEP_BYTES):
            step = data[start : start + GZIP_STEP_BYTES]
            piece = b""
            # A full piece may leave some of its output behind even when its input is used up.
            while step or (len(piece) == PIECE_BYTES and not self._member.eof):
                if self._member.eof:
                    self._member = zlib.decompressobj(zlib.MAX_WBITS + 16)
                self._begun = True
                piece = self._member.decompress(step, PIECE_BYTES)
                yield piece
                step = self._member.unconsumed_tail or self._member.unused_data


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


class Unpacker:
    """Decodes what is in `coding`, one of `DECODERS`, in bounded steps."""

    def __init__(self, coding: str) -> None:
        self._decoder = DECODERS[coding]()
        self._hollow_bytes = 0

    @property
    def complete(self) -> bool:
        """Whether what was given may be all."""
        return self._decoder.complete

    def unpack(self, data: bytes) -> Iterator[bytes]:
        """Yield what the next bytes stand for, in pieces of 1 byte to 1 MiB.

        Raises:
            CodingBroken: they are not in the coding.
            CodingHollow: they, and those before them, stand for nothing.
        """
        for start in range(0, len(data), PIECE_BYTES):
            step = data[start : start + PIECE_BYTES]
            if self._hollow_bytes > HOLLOW_BYTES:
                raise CodingHollow
            self._hollow_bytes += len(step)
            try:
                for piece in self._decoder.decode(step):
                    if piece:
                        self._hollow_bytes = 0
                        yield piece
            except (zlib.error, zstandard.ZstdError) as error:
                raise CodingBroken from error


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
    events = _Events(receive, coding)
    return events.receive


class _Events:
    """The events of one request, decoded."""

    def __init__(self, receive: Receive, coding: str) -> None:
        self._receive = receive
        self._unpacker = Unpacker(coding)
        self._coding = coding
        self._pieces: Iterator[bytes] = iter(())
        self._last = False
        self._over = False

    async def receive(self) -> Event:
        """Return the next event; a piece of the body has at most 1 MiB."""
        if self._over:
            return await self._receive()
        while True:
            piece = self._next_piece()
            if piece:
                return {"type": "http.request", "body": piece, "more_body": True}
            if self._last:
                self._over = True
                if not self._unpacker.complete:
                    raise BadRequest(f"the body ends before its {self._coding} coding does")
                return {"type": "http.request", "body": b"", "more_body": False}
            event = await self._receive()
            if event["type"] != "http.request":
                return event
            self._last = not event.get("more_body", False)
            self._pieces = self._unpacker.unpack(event.get("body", b""))

    def _next_piece(self) -> bytes:
        """The next piece there is; empty when more must be read."""
        try:
            return next(self._pieces, b"")
        except CodingBroken as error:
            raise BadRequest(f"the body must be valid {self._coding}, as its Content-Encoding says") from error
        except CodingHollow as error:
            raise BadRequest(f"the {self._coding} coding of the body goes on without content") from error
