"""A WebSocket connection of uvicorn that keeps what it is asked to itself, and that many tiny frames do not occupy."""

import logging
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import MAX_LINE_LENGTH, MAX_NUM_HEADERS, Request
from websockets.streams import StreamReader

from gateway.errors import BadRequest

# Frames one message may be in. A limit of bytes does not hold empty ones back.
MAX_FRAGMENTS: Final = 4096
# RFC 6455, section 7.4.1.
POLICY_VIOLATION: Final = 1008
# Of more than this at once, everybody else has a turn before more is read. Frames are 6 bytes at least, so that the
# megabytes uvloop may read in one turn take seconds.
TURN_BYTES: Final = 16 * 1024

# The gateway needs a few turns of the loop to end its streams when the server stops.
OWN_END_SECONDS: Final = 1.0


def check_handshake(head: bytes) -> None:
    """Raise BadRequest for the head of a handshake that websockets cannot read, which it would never answer."""
    reader = StreamReader()
    reader.feed_data(head)
    reading = Request.parse(reader.read_line)
    try:
        next(reading)
    except StopIteration:
        return
    except Exception as error:
        limits = f"at most {MAX_NUM_HEADERS} headers of at most {MAX_LINE_LENGTH} bytes"
        raise BadRequest(f"a WebSocket handshake must have no body, and {limits}") from error


class SocketConnection(WebSocketsSansIOProtocol):
    """Give this class to `uvicorn.Config` as `ws`."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        # uvicorn writes a line for each handshake, with the whole query, which may hold secrets. The access log has one
        # without.
        self.logger = logging.getLogger("gateway.websocket")
        self.logger.setLevel(logging.WARNING)
        # "connection open" and the like, without a word on whose.
        self.conn.logger = self.logger

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        super().data_received(data)
        if len(data) > TURN_BYTES and not (self.read_paused or self.transport.is_closing()):
            self.transport.pause_reading()
            self.loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        if not (self.read_paused or self.transport.is_closing()):
            self.transport.resume_reading()

    def handle_cont(self, event: Any) -> None:
        """Take the next frame of a message."""
        if self.close_sent:
            return
        if len(self.frames) < MAX_FRAGMENTS:
            super().handle_cont(event)
            return
        self.conn.fail(POLICY_VIOLATION, f"a message must have at most {MAX_FRAGMENTS} frames")
        self.handle_parser_exception()

    async def send(self, message: Any) -> None:
        """Send one event."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            # uvicorn forgets that a refusal ends the handshake too, and calls it an error of the application.
            self.handshake_complete = True

    def shutdown(self) -> None:
        """Leave it to the gateway to end an open socket, which says why; close what is open after that all the same."""
        if self.handshake_complete and not self.close_sent:
            self.loop.call_later(OWN_END_SECONDS, self._shutdown_late)
        else:
            super().shutdown()

    def _shutdown_late(self) -> None:
        if not self.transport.is_closing():
            super().shutdown()
