"""A file as it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator

from google.api.httpbody_pb2 import HttpBody

from .stream import Stream


class Download:
    """A file, as `async for` takes its pieces of bytes.

    Attributes:
        content_type: its media type, known with the first piece.
    """

    def __init__(self, stream: Stream[HttpBody]) -> None:
        self.content_type = ""
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for body in self._stream:
            self.content_type = self.content_type or body.content_type
            yield body.data

    async def read(self) -> bytes:
        """Return what is left of the file."""
        return b"".join([piece async for piece in self])
