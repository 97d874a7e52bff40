"""The two directions of a connection: whether bytes may be read and written at this moment, and whether it is over."""

import asyncio
from collections.abc import Callable

from uvicorn.server import ServerState


class Flow:
    """What the requests of one connection share. All of it is used on one loop."""

    gone = False
    """Nothing more is to be said: the client has left, or it has been told the last word."""
    writable: asyncio.Event | None = None
    """To be waited for before anything is written; None while the client takes what is sent."""
    read_paused = False
    _known_headers: list[tuple[bytes, bytes]] | None = None
    _own_lines = b""

    def __init__(
        self,
        transport: asyncio.Transport,
        server_state: ServerState,
        answered: Callable[[], None],
        read_on: Callable[[], None],
        await_body: Callable[[], None],
    ) -> None:
        self.transport = transport
        self.answered = answered
        """To be called when the answer to the present request is complete."""
        self.read_on = read_on
        """To be called when there is room for more of the present request's body."""
        self.await_body = await_body
        """To be called when nothing can go on before more of the present request's body comes, which may not stall."""
        self._server_state = server_state

    def pause_reading(self) -> None:
        """Leave what the client sends to the buffers of the kernel, so that it has to wait."""
        if not (self.read_paused or self.transport.is_closing()):
            self.read_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        if self.read_paused:
            self.read_paused = False
            if not self.transport.is_closing():
                self.transport.resume_reading()

    def pause_writing(self) -> None:
        """Have writers wait."""
        if self.writable is None:
            self.writable = asyncio.Event()

    def resume_writing(self) -> None:
        """Let writers go on."""
        if self.writable is not None:
            self.writable.set()
            self.writable = None

    def own_lines(self) -> bytes:
        """What the server adds to each head, such as the date, as lines that each begin with a line break."""
        # uvicorn makes a new list every second.
        headers = self._server_state.default_headers
        if headers is not self._known_headers:
            self._known_headers = headers
            self._own_lines = b"".join([b"\r\n%b: %b" % header for header in headers])
        return self._own_lines
