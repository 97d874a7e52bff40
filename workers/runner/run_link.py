"""The worker's end of one run process: its job, what it says, its word to end, the proof of its end."""

import asyncio
import os
import re
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import ExitStack, suppress
from typing import Any, Final, Self, TypeAlias

from workers.flow.host import Level
from workers.runner.messages import LOG_MESSAGE_BYTES, STOP, Ending, LineSplitter, line_of, parse

# "[pid:thread:mmdd/hhmmss.micros:LEVEL:file.cc(line)]" begins what Chromium writes for its own developers.
_CHROMIUM_NOISE: Final = re.compile(rb"\[\d+:\d+:\d{4}/\d{6}\.\d+:[A-Z0-9]+:")

Message: TypeAlias = tuple[str, Any]
# Ends what a run left whose keeper is lost; gives the number of processes that could not be ended.
ClearUp: TypeAlias = Callable[[], Awaitable[int]]


class RunProcess:
    """One run, from its fork to the proof of its end."""

    def __init__(
        self, channel: socket.socket, lifeline: socket.socket, outputs: Mapping[Level, int], clear_up: ClearUp
    ) -> None:
        self._clear_up = clear_up
        self._channel = channel
        self._lifeline = lifeline
        self._output_pipes = outputs
        self._outputs: dict[Level, asyncio.StreamReader] = {}
        self._closing = ExitStack()
        self._closing.callback(channel.close)
        self._closing.callback(lifeline.close)

    @classmethod
    def with_sockets(cls, clear_up: ClearUp) -> tuple[Self, list[int]]:
        """Return a run, and the descriptors for its processes: channel, lifeline, stdout, stderr."""
        channel, their_channel = socket.socketpair()
        lifeline, their_lifeline = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        out, their_out = os.pipe()
        err, their_err = os.pipe()
        lifeline.setblocking(False)
        run = cls(channel, lifeline, {"info": out, "warning": err}, clear_up)
        return run, [their_channel.detach(), their_lifeline.detach(), their_out, their_err]

    async def connect(self) -> None:
        """Open the ways to its processes; said once, before anything else. `close` is called afterwards."""
        self._ending = asyncio.create_task(self._wait_ending())
        try:
            self._reader, self._writer = await asyncio.open_connection(sock=self._channel)
            self._closing.callback(self._writer.transport.abort)
            for level, descriptor in self._output_pipes.items():
                self._outputs[level], transport = await _read_pipe(descriptor)
                self._closing.callback(transport.close)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Return when nothing of it is alive."""
        with suppress(OSError):  # the keeper is gone already
            # Ends the worker's half of the lifeline: the keeper kills what is alive, and still answers.
            self._lifeline.shutdown(socket.SHUT_WR)
        try:
            await self.ended()
        finally:
            self._closing.close()

    @property
    def over(self) -> bool:
        """Whether no process of it is left."""
        return self._ending.done()

    def open(self, job: Mapping[str, object]) -> None:
        """Send the job; said once, before anything else but `connect`."""
        self._send("job", job)

    def cancel(self, reason: str) -> None:
        """Ask the run to end."""
        self._send("cancel", reason)

    def answer(self, number: int, value: object) -> None:
        """Answer question `number` of the run."""
        self._send("answer", [number, None, value])

    def refuse(self, number: int, refusal: str) -> None:
        """Answer question `number` of the run with no, in a sentence."""
        self._send("answer", [number, refusal, None])

    def stop(self) -> None:
        """Have every process of the run sent SIGTERM, and after a second SIGKILL."""
        with suppress(BrokenPipeError, ConnectionResetError):  # it is over already
            self._lifeline.send(STOP)

    async def ended(self) -> Ending:
        """Return when no process of the run is left."""
        return await asyncio.shield(self._ending)

    async def messages(self) -> AsyncIterator[Message]:
        """Yield what the run sends, until it has ended."""
        splitter = LineSplitter()
        while data := await self._read():
            for message in parse(splitter.feed(data)):
                yield message

    async def output_lines(self, level: Level) -> AsyncIterator[tuple[Level, str]]:
        """Yield the lines that its processes write to stdout (`level` "info") or stderr ("warning").

        Lines of Chromium's own log come as "debug".
        """
        reader = self._outputs[level]
        while line := await _line(reader):
            shown: Level = "debug" if _CHROMIUM_NOISE.match(line) else level
            yield shown, line.decode("utf-8", "replace").rstrip("\r\n")

    async def _read(self) -> bytes:
        try:
            return await self._reader.read(65536)
        except ConnectionResetError:
            return b""

    def _send(self, name: str, value: object) -> None:
        self._writer.write(line_of(name, value))

    async def _wait_ending(self) -> Ending:
        try:
            packet = await asyncio.get_running_loop().sock_recv(self._lifeline, 4096)
        except ConnectionResetError:  # the keeper was lost before it read all that was sent to it
            packet = b""
        if packet:
            return Ending.from_bytes(packet)
        return Ending(None, (), await self._clear_up(), time.time_ns() // 1000)


async def _read_pipe(descriptor: int) -> tuple[asyncio.StreamReader, asyncio.ReadTransport]:
    reader = asyncio.StreamReader(limit=LOG_MESSAGE_BYTES)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", 0)
    )
    return reader, transport


async def _line(reader: asyncio.StreamReader) -> bytes:
    """Return the next line, or a piece of one that is longer than the reader's limit; empty at the end."""
    try:
        return await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError as end:
        return end.partial
    except asyncio.LimitOverrunError as long:
        return await reader.read(long.consumed)
