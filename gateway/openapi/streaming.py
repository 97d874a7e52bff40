"""How a stream of answers is asked for and how it tells of a late error, in words: OpenAPI 3.1 has none of its own."""

from typing import Final

from gateway.contract.services import HttpBinding, Method
from gateway.openapi.contents import EVENTS, LINES, framings, gives_bytes
from gateway.openapi.refusals import takes_bytes
from gateway_options.v1 import options_pb2

LATE_ERRORS: Final = {
    LINES: 'as lines, an error after the first answer is a last line `{"error": ...}`',
    EVENTS: "as events, an error after the first answer is an event of type `error`, whose data is the error",
}
LATE_FRAME: Final = 'as a WebSocket, an error is a frame `{"error": ...}` before the connection is closed'
BROKEN_OFF: Final = "A body that an error breaks off ends without its last chunk, or short of its Content-Length."


def only_websocket(method: Method) -> bool:
    """Whether the rpc can be called as a WebSocket only."""
    return method.options.stream.framing == options_pb2.Stream.FRAMING_WEBSOCKET


def speaks_websocket(method: Method, binding: HttpBinding) -> bool:
    """Whether a client may ask for a WebSocket that carries JSON."""
    streams = method.client_streaming or method.server_streaming
    offered = (options_pb2.Stream.FRAMING_UNSPECIFIED, options_pb2.Stream.FRAMING_WEBSOCKET)
    bytes_only = takes_bytes(method, binding) or gives_bytes(method, binding)
    return streams and method.options.stream.framing in offered and not bytes_only


def streaming_words(method: Method, binding: HttpBinding) -> str:
    """What there is to say of a stream of answers; empty for anything else."""
    if not method.server_streaming:
        return ""
    if gives_bytes(method, binding):
        return BROKEN_OFF
    media_types = framings(method)
    words = [LATE_ERRORS[media_type] for media_type in media_types]
    ways = [f"`{media_type}` (by `Accept`)" for media_type in media_types]
    if speaks_websocket(method, binding):
        ways.append("a WebSocket (by `Upgrade`)")
        words.append(LATE_FRAME)
    choice = f"Answers come as {', '.join(ways)}. " if len(ways) > 1 else ""
    sentence = "; ".join(words)
    return f"{choice}{sentence[0].upper()}{sentence[1:]}."
