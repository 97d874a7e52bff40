"""Pictures of one colour as PNG files. Source of the format: https://www.w3.org/TR/png-3/."""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Picture:
    """Width and height in pixels; the colour as 0xRRGGBB."""

    width: int
    height: int
    color: int


def encode(picture: Picture, texts: Mapping[str, str]) -> bytes:
    """Return the file, with `texts` as its tEXt chunks."""
    row = b"\x00" + picture.color.to_bytes(3, "big") * picture.width
    header = struct.pack(">IIBBBBB", picture.width, picture.height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header)]
    chunks += [(b"tEXt", key.encode() + b"\x00" + text.encode("latin-1", "replace")) for key, text in texts.items()]
    chunks += [(b"IDAT", zlib.compress(row * picture.height)), (b"IEND", b"")]
    return SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks)


def decode(content: bytes) -> Picture:
    """Read a file: its size, and the colour of its first pixel where it has 8 bits per channel and no interlacing.

    Raises:
        ValueError: it is no PNG file.
    """
    if content[:8] != SIGNATURE or content[12:16] != b"IHDR":
        raise ValueError("cannot identify image file")
    width, height = struct.unpack(">II", content[16:24])
    rows = zlib.decompress(b"".join(data for kind, data in chunks_of(content) if kind == b"IDAT"))
    return Picture(width, height, int.from_bytes(rows[1:4], "big"))


def chunks_of(content: bytes) -> list[tuple[bytes, bytes]]:
    """Kind and data of each chunk, in order."""
    found, offset = [], len(SIGNATURE)
    while offset < len(content):
        length, kind = struct.unpack(">I4s", content[offset : offset + 8])
        found.append((kind, content[offset + 8 : offset + 8 + length]))
        offset += 12 + length
    return found


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
