"""A file as it comes.

Made from the module for asyncio by `make generate`; do not edit."""

from __future__ import annotations

from collections.abc import Iterator

from google.api.httpbody_pb2 import HttpBody

from .stream import Stream


class Download:
    """A file, as `for` takes its pieces of bytes.

    Attributes:
        content_type: its media type, known with the first piece.
    """

    def __init__(self, stream: Stream[HttpBody]) -> None:
        self.content_type = ""
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        for body in self._stream:
            self.content_type = self.content_type or body.content_type
            yield body.data

    def read(self) -> bytes:
        """Return what is left of the file."""
        return b"".join([piece for piece in self])
