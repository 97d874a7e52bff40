"""A WebSocket after its handshake: frames in, frames out, and its end."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from gateway.calls.connection import drop_reader
from gateway.calls.departure import Departure
from gateway.calls.reader_watch import ReaderWatch
from gateway.framing.websocket import close_reason, error_frame
from gateway.http.exchange import Exchange
from gateway.http.request_body import ClientGone, Event

Frame = str | bytes

# Source of the codes: RFC 6455, section 7.4.1, and https://www.iana.org/assignments/websocket/websocket.xhtml.
NORMAL: Final = 1000
GOING_AWAY: Final = 1001
UNSUPPORTED_DATA: Final = 1003
INVALID_PAYLOAD: Final = 1007
POLICY_VIOLATION: Final = 1008
MESSAGE_TOO_BIG: Final = 1009
INTERNAL_ERROR: Final = 1011
TRY_AGAIN_LATER: Final = 1013


class OpenSocket:
    """The socket `exchange` was turned into. Text frames are str, binary ones bytes."""

    def __init__(self, exchange: Exchange, stuck_reader_seconds: float) -> None:
        self.exchange = exchange
        self._stuck_seconds = stuck_reader_seconds
        # An answer and a pong may meet; the connection is one.
        self._turn = asyncio.Lock()
        self._sending: ReaderWatch | None = None

    @contextmanager
    def watched(self, departure: Departure) -> Iterator[None]:
        """Drop a reader that is stuck, and end `departure` with it, as long as this block runs."""
        self._sending = ReaderWatch(self.exchange, departure, self._stuck_seconds)
        try:
            yield
        finally:
            self._sending.stop()
            self._sending = None

    async def receive(self) -> Frame:
        """Wait for the next frame. Raises ClientGone."""
        event = await self.exchange.receive()
        if event["type"] != "websocket.receive":
            raise ClientGone("the client has closed its WebSocket")
        text: str | None = event.get("text")
        binary: bytes = event.get("bytes") or b""
        return binary if text is None else text

    async def send(self, frame: Frame) -> None:
        """Send one frame and wait until the connection can take the next one. Raises ClientGone."""
        event: Event = {"type": "websocket.send", "text" if isinstance(frame, str) else "bytes": frame}
        async with self._turn:
            if self._sending is None:
                await self._send(event)
            else:
                with self._sending:
                    await self._send(event)

    async def close(self, code: int, reason: str, last: str | None = None) -> None:
        """Send the frame `last`, if there is one, and close. A reader that does not take it in time is dropped."""
        try:
            async with asyncio.timeout(self._stuck_seconds):
                if last is not None:
                    await self.send(last)
                await self._send({"type": "websocket.close", "code": code, "reason": close_reason(reason)})
        except TimeoutError:
            drop_reader(self.exchange, self._stuck_seconds)

    async def fail(self, code: int, sentence: str, body: bytes) -> None:
        """Tell the JSON `body` of an error in a frame, and close; `sentence` is the reason in the close frame."""
        await self.close(code, sentence, error_frame(body))

    async def _send(self, event: Event) -> None:
        try:
            await self.exchange.send(event)
        except (OSError, RuntimeError) as error:
            # OSError is what ASGI has for a client that is gone; uvicorn has RuntimeError where it closed the socket
            # by itself, after a frame that breaks the protocol or a ping without a pong.
            raise ClientGone("the WebSocket is closed") from error
