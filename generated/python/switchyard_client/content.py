"""Files on their way to the server: from wherever they are to the pieces that a call takes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

from google.api.httpbody_pb2 import HttpBody


@runtime_checkable
class Readable(Protocol):
    """A file that is open for reading bytes."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most `size`; none at the end."""


# A path, an open file, the bytes themselves, or pieces of them.
Content = bytes | Path | Readable | Iterable[bytes]
# Of one message; gRPC copies each of them some times.
PIECE_BYTES: Final = 256 * 1024


def body(content: bytes | str | Path | HttpBody, content_type: str = "") -> HttpBody:
    """Return `content` as a whole body. A text is sent as UTF-8; a file is read from its Path."""
    if isinstance(content, HttpBody):
        return content
    if isinstance(content, Path):
        content = content.read_bytes()
    return HttpBody(data=content.encode() if isinstance(content, str) else content, content_type=content_type)


def json_text(value: Mapping[str, Any] | str | None) -> str | None:
    """Return JSON as the text that the contract has for it; a text is taken for JSON already."""
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def pieces(content: Content) -> Iterator[bytes]:
    """Yield `content` in pieces of at most PIECE_BYTES; nothing if it is empty."""
    if isinstance(content, bytes):
        yield from _cut(content)
    elif isinstance(content, Path):
        with content.open("rb") as file:
            yield from _read(file)
    elif isinstance(content, Readable):
        yield from _read(content)
    else:
        for piece in content:
            yield from _cut(piece)


def _read(file: Readable) -> Iterator[bytes]:
    while piece := file.read(PIECE_BYTES):
        yield piece


def _cut(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), PIECE_BYTES):
        yield data[start : start + PIECE_BYTES]
