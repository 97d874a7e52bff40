"""Compressed answers: which coding a client takes, and how whole bodies and streams are written in it.

Source: RFC 9110, sections 8.4 and 12.5.3; zstd: RFC 8878 and, for its window, RFC 9659.

Whoever can make a victim send requests whose answer repeats the attacker's words beside a secret can guess that secret
from the length of compressed answers (BREACH). Pages of other sites cannot: what authenticates a request here is a
header that only a page of ours can set, and cookies of their requests are not forwarded.
"""

import asyncio
import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Protocol

import zstandard

GZIP: Final = b"gzip"
ZSTD: Final = b"zstd"
# Best first, where a client likes both equally. Measured: for whole bodies zstd takes a quarter of the time of gzip and
# is smaller; for streams of small messages gzip is a fifth smaller and needs less memory.
FOR_BODIES: Final = (ZSTD, GZIP)
FOR_STREAMS: Final = (GZIP, ZSTD)
# Below this a body fits into one packet anyway.
MIN_BYTES: Final = 1024
# From here on, compressing takes long enough (2 ms) to be done beside the loop.
BESIDE_BYTES: Final = 256 * 1024
# On 21 kB of JSON: gzip 1, 3 and 6 give 3.9, 3.6 and 3.2 kB in 160, 180 and 300 us; zstd 1 and 3 2.8 and 3.0 kB in 39
# and 48 us.
GZIP_LEVEL: Final = 3
ZSTD_LEVEL: Final = 1
# For streams, which may be many and idle: 38 kB of memory each instead of 87.
STREAM_LEVEL: Final = 6
STREAM_WINDOW_BITS: Final = 13
STREAM_MEMORY_LEVEL: Final = 6
# 53 kB instead of 104.
STREAM_ZSTD: Final = zstandard.ZstdCompressionParameters(
    window_log=14, hash_log=12, chain_log=12, strategy=zstandard.STRATEGY_FAST, min_match=4, search_log=1
)
# Makes zlib write the frame of gzip.
GZIP_FRAME: Final = 16

VARY: Final = (b"vary", b"Accept-Encoding")
COMPRESSIBLE: Final = frozenset(
    {
        b"application/json",
        b"application/javascript",
        b"application/x-javascript",
        b"application/x-ndjson",
        b"application/x-yaml",
        b"application/xml",
        b"application/yaml",
        b"image/svg+xml",
    }
)

# Streams of Connect and gRPC-Web compress message by message, if at all; their clients look for no other coding.
ENVELOPES: Final = (b"application/connect+", b"application/grpc-web")
# Frames of gRPC-Web and of streams of Connect say for themselves whether they are compressed.
OWN_CODING: Final = (b"application/grpc-web", b"application/connect+")


def is_compressible(content_type: bytes) -> bool:
    """Whether content of this type is text. All other types that come in large are compressed by themselves."""
    media_type = content_type.partition(b";")[0].strip().lower()
    if media_type.startswith(OWN_CODING):
        return False
    return media_type in COMPRESSIBLE or media_type.startswith(b"text/") or media_type.endswith((b"+json", b"+xml"))


def may_transform(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether an answer with these headers may be compressed: it is not yet, and nobody forbids it.

    Source of no-transform: RFC 9111, section 5.2.2.6.
    """
    return not any(
        name == b"content-encoding" or (name == b"cache-control" and b"no-transform" in value.lower())
        for name, value in headers
    )


def choose(accept_encoding: bytes | None, offered: Sequence[bytes]) -> bytes | None:
    """The coding of `offered`, best first, that a client with this header likes most; None for none of them."""
    if not accept_encoding:
        return None
    # Long ones are not worth remembering, and nobody honest sends them.
    return _choose(accept_encoding, tuple(offered)) if len(accept_encoding) <= 200 else None


@lru_cache(maxsize=256)
def _choose(accept_encoding: bytes, offered: tuple[bytes, ...]) -> bytes | None:
    weights: dict[bytes, float] = {}
    for element in accept_encoding.lower().split(b","):
        coding, _, parameter = element.partition(b";")
        # Section 8.4.1.3: the same as gzip.
        weights[coding.strip().removeprefix(b"x-")] = _weight(parameter)
    others = weights.get(b"*", 0.0)
    liked = max(offered, key=lambda coding: weights.get(coding, others))
    weight = weights.get(liked, others)
    # Without a word on it, no coding at all is as good as the best (section 12.5.3).
    return liked if weight > 0 and weight >= weights.get(b"identity", 0.0) else None


def _weight(parameter: bytes) -> float:
    """The value of "q=0.5" (section 12.4.2): 1 without one, 0 when it is broken."""
    name, _, value = parameter.strip().partition(b"=")
    if not name:
        return 1.0
    try:
        weight = float(value) if name.strip() == b"q" else 0.0
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0


async def compress(coding: bytes, body: bytes) -> bytes:
    """The whole of `body` in `coding`."""
    if len(body) < BESIDE_BYTES:
        return _compress(coding, body)
    return await asyncio.to_thread(_compress, coding, body)


def _compress(coding: bytes, body: bytes) -> bytes:
    if coding == ZSTD:
        return zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(body)
    compressor = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP_FRAME + zlib.MAX_WBITS)
    return compressor.compress(body) + compressor.flush()


class StreamEncoder(Protocol):
    """Writes one stream in a coding. A reader can decode each piece when it has it; nothing is held back."""

    def piece(self, data: bytes) -> bytes:
        """`data`, encoded up to its last byte."""
        ...

    def end(self) -> bytes:
        """What ends the stream."""
        ...


def stream_encoder(coding: bytes) -> StreamEncoder:
    """Return what writes a new stream in `coding`."""
    return GzipStream() if coding == GZIP else ZstdStream()


class GzipStream:
    """A stream in gzip (RFC 1952)."""

    def __init__(self) -> None:
        self._compressor = zlib.compressobj(
            STREAM_LEVEL, zlib.DEFLATED, GZIP_FRAME + STREAM_WINDOW_BITS, STREAM_MEMORY_LEVEL
        )

    def piece(self, data: bytes) -> bytes:
        """`data`, encoded up to its last byte."""
        return self._compressor.compress(data) + self._compressor.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        """What ends the stream."""
        return self._compressor.flush()


class ZstdStream:
    """A stream in zstd (RFC 8878)."""

    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor(compression_params=STREAM_ZSTD).compressobj()

    def piece(self, data: bytes) -> bytes:
        """`data`, encoded up to its last byte."""
        return self._compressor.compress(data) + self._compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)

    def end(self) -> bytes:
        """What ends the stream."""
        return self._compressor.flush()
