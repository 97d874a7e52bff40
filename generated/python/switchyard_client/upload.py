"""The messages of a file that is sent in pieces: the first says what it is, the last that it is whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from google.api.httpbody_pb2 import HttpBody
from google.protobuf.message import Message

from .content import Content, pieces

M = TypeVar("M", bound=Message)


def messages(first: M, content: Content, *, content_type: str) -> Iterator[M]:
    """Yield the messages for `content`: `first` with the first piece, the others, one that says it is `last`."""
    kind = type(first)
    message = first
    for piece in pieces(content):
        file = HttpBody(data=piece, content_type=content_type if message is first else "")
        message.MergeFrom(kind(file=file))
        yield message
        message = kind()
    message.MergeFrom(kind(last=True))
    yield message
