"""Bodies of requests: read whole, or piece by piece, never more than allowed."""

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

from gateway.errors import BadRequest, BodyTooLarge

# As ASGI has them: https://asgi.readthedocs.io/en/stable/specs/www.html
Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]


class ClientGone(Exception):
    """Nobody is there any more to take an answer; the message says why."""


def refuse_too_large(content_length: bytes | None, limit_bytes: int) -> None:
    """Refuse a body by the length its header declares, before a byte of it is read.

    Raises:
        BodyTooLarge: the declared length is above `limit_bytes`.
        BadRequest: the header is no number.
    """
    if content_length is None:
        return
    if not content_length.isdigit():
        raise BadRequest("Content-Length must be a number")
    if int(content_length) > limit_bytes:
        raise BodyTooLarge(limit_bytes)


async def read_pieces(receive: Receive, limit_bytes: int | None) -> AsyncIterator[bytes]:
    """Yield the pieces of the body as they come, each asked for when the one before it was used. None: no limit.

    Raises:
        BodyTooLarge: more than `limit_bytes` came.
        ClientGone: the client left half-way.
    """
    total = 0
    more = True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise ClientGone("the client left while sending its body")
        piece: bytes = event.get("body", b"")
        more = event.get("more_body", False)
        total += len(piece)
        if limit_bytes is not None and total > limit_bytes:
            raise BodyTooLarge(limit_bytes)
        if piece:
            yield piece


async def read_whole(receive: Receive, limit_bytes: int) -> bytes:
    """Return the whole body. Raises as `read_pieces` does."""
    event = await receive()
    if event["type"] == "http.request" and not event.get("more_body", False):
        # Nearly every body comes in one piece; this way costs half.
        whole: bytes = event.get("body", b"")
        if len(whole) > limit_bytes:
            raise BodyTooLarge(limit_bytes)
        return whole
    return b"".join([piece async for piece in read_pieces(chain(event, receive), limit_bytes)])


def chain(first: Event, receive: Receive) -> Receive:
    """A channel that gives `first` once more, then what `receive` gives."""
    waiting = [first]

    async def both() -> Event:
        return waiting.pop() if waiting else await receive()

    return both
