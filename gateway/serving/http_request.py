"""One request: what has come of its body, and `receive`, by which the application takes it."""

import asyncio
from typing import Final

from gateway.http.request_body import Event, Scope
from gateway.serving.http_flow import Flow

# Of a body that nobody takes, this much waits here at most, and what was read with it; the rest waits in the kernel.
HIGH_WATER_BYTES: Final = 64 * 1024
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class HttpRequest:
    """One request of a connection, filled by its parser and taken by the application's task."""

    task: asyncio.Task[None] | None = None
    """Serves the request, once its turn has come."""
    ended = False
    """All of the body has come."""
    over = False
    """The answer is complete or broken off, so that nobody needs the body any more."""
    body_awaited = False
    """Nothing can go on before more of the body comes, and patience with it is limited."""
    _body: bytes | bytearray = b""
    _end_told = False
    # Most requests are there before anybody asks for them.
    _news: asyncio.Event | None = None

    def __init__(self, flow: Flow, scope: Scope, keep_alive: bool, awaits_continue: bool) -> None:
        self.scope = scope
        self.keep_alive = keep_alive
        """Whether the connection goes on after the answer."""
        self.awaits_continue = awaits_continue
        """The client sends its body only when it is told to (RFC 9110, section 10.1.1)."""
        self._flow = flow

    def add(self, piece: bytes) -> None:
        """Take a piece of the body; too much of it pauses the connection."""
        if self.over:
            return
        self.body_awaited = False
        if self._body:
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += piece
        else:
            self._body = piece
        if len(self._body) > HIGH_WATER_BYTES:
            self._flow.pause_reading()
        if self._news is not None:
            self._news.set()

    def end(self) -> None:
        """Take the end of the body."""
        self.ended = True
        if self._news is not None:
            self._news.set()

    def finish(self) -> None:
        """Want no more of the body; whoever waits for it is told of a disconnection."""
        self.over = True
        self._body = b""
        if self._news is not None:
            self._news.set()

    @property
    def may_stall(self) -> bool:
        """Whether the client may keep silent for long within the body.

        A body without a length is made while it is sent, such as one side of a conversation. Of a body with a length
        the client knows the end already, and only a broken connection holds it up.
        """
        return all(name != b"content-length" for name, _ in self.scope["headers"])

    @property
    def is_full(self) -> bool:
        """Whether too much of the body waits to be taken."""
        return len(self._body) > HIGH_WATER_BYTES

    async def receive(self) -> Event:
        """Return the next part of the body; when all of it is taken, wait for the disconnection."""
        while not (self._body or self.over or (self.ended and not self._end_told)):
            await self._hear_more()
        if self.over:
            return {"type": "http.disconnect"}
        body, self._body = bytes(self._body), b""
        self._end_told = self.ended
        if self._flow.read_paused:
            self._flow.read_on()
        return {"type": "http.request", "body": body, "more_body": not self._end_told}

    async def _hear_more(self) -> None:
        if not self.ended:
            if self.awaits_continue:
                self.awaits_continue = False
                self._flow.transport.write(CONTINUE)
            if not self.may_stall:
                self.body_awaited = True
                self._flow.await_body()
        if self._news is None:
            self._news = asyncio.Event()
        self._news.clear()
        await self._news.wait()
