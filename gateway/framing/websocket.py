"""Frames of a WebSocket (RFC 6455, section 5.6): one for each answer, or for each event in it.

No standard says how a gRPC stream looks there. An error is a frame {"error": <error body>} before the close frame, an
end that the contract names a frame {"end": <event>}.
"""

from collections.abc import Callable
from typing import NamedTuple

import orjson
from google.protobuf.message import Message

from gateway.framing.events import Events

# Longest reason of a close frame, in bytes of UTF-8 (RFC 6455, section 5.5: 125 with the code).
LONGEST_REASON_BYTES = 123


class Frames(NamedTuple):
    """One answer as it goes out: str for text frames, bytes for binary ones. `last`: the contract ends the stream."""

    data: tuple[str | bytes, ...]
    last: bool = False


def text_frames(events: Events) -> Callable[[Message], Frames]:
    """Return the function that writes one answer as text frames."""

    def encode(answer: Message) -> Frames:
        data = tuple([events.item.text(item) for item in events.items(answer)])
        end = events.end_of(answer)
        if end is None or events.end is None:
            return Frames(data)
        text = events.end.text(end)
        value = text if events.end.is_json else orjson.dumps(text).decode()
        return Frames((*data, f'{{"end":{value}}}'), last=True)

    return encode


def error_frame(body: bytes) -> str:
    """The JSON body of an error as a frame."""
    return f'{{"error":{body.decode()}}}'


def close_reason(sentence: str) -> str:
    """`sentence` as the reason of a close frame: cut where it is too long for one."""
    data = sentence.encode()
    if len(data) <= LONGEST_REASON_BYTES:
        return sentence
    return data[: LONGEST_REASON_BYTES - 3].decode(errors="ignore") + "..."
