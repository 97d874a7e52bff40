"""What a client has sent and the server behind has not taken yet."""

import asyncio
from collections import deque
from contextlib import AbstractContextManager
from typing import Final, Self

from gateway.errors import GatewayError

# How far reading may be ahead. Far enough to notice that a client has left while the server is busy with what came
# before; one more piece comes on top.
AHEAD_BYTES: Final = 64 * 1024
# What a small piece costs beside its bytes.
PIECE_OVERHEAD_BYTES: Final = 64


class Inbox:
    """Pieces in the order they came, from one task that reads the connection to one that makes the call. Bounded."""

    def __init__(self, pause: AbstractContextManager[None]) -> None:
        """`pause` surrounds each wait for room, in which nothing is read."""
        self._pause = pause
        self._pieces: deque[bytes] = deque()
        self._bytes = 0
        self._ended = False
        self._refusal: GatewayError | None = None
        self._filled = asyncio.Event()
        self._room = asyncio.Event()

    async def put(self, piece: bytes) -> None:
        """Add a piece and wait until there is room for another."""
        self._pieces.append(piece)
        self._bytes += len(piece) + PIECE_OVERHEAD_BYTES
        self._filled.set()
        while self._bytes > AHEAD_BYTES:
            self._room.clear()
            with self._pause:
                await self._room.wait()

    def end(self, refusal: GatewayError | None = None) -> None:
        """Say that nothing more comes. Who takes the pieces is told `refusal` after the last one."""
        self._ended = True
        self._refusal = refusal
        self._filled.set()

    @property
    def ended(self) -> bool:
        """Whether the last piece has come."""
        return self._ended

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while not self._pieces:
            if self._refusal is not None:
                raise self._refusal
            if self._ended:
                raise StopAsyncIteration
            self._filled.clear()
            await self._filled.wait()
        piece = self._pieces.popleft()
        self._bytes -= len(piece) + PIECE_OVERHEAD_BYTES
        if self._bytes <= AHEAD_BYTES:
            self._room.set()
        return piece
