"""A session over its WebSocket: runs one script in the terminal at its other end."""

import asyncio
import codecs
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from workers.environments.aws.agent_session import AgentSession, NotUnderstood, opening
from workers.environments.provider import Output, ProviderFailed
from workers.environments.retrying import Said
from workers.environments.typed_command import MarkedOutput, typed

# Until the script has begun.
BEGIN_SECONDS: Final = 60.0
# For the agent to hear that a script is broken off.
_FAREWELL_SECONDS: Final = 5.0
# What the agent still sends at the end is not read any more, and may stand before its own goodbye.
_CLOSE_SECONDS: Final = 1.0
# A message of the agent has 1,024 bytes of payload; many that came too early are kept.
_MESSAGE_BYTES: Final = 1 << 17
_NO_SHELL: Final = "failed to run the command: the environment opens no shell"
_LOST: Final = "the connection to the command was lost, and the command may still run"
_CLOSED: Final = "AWS has closed the session of the command, as it does with one that is idle for 20 minutes"
_ENCRYPTED: Final = (
    "commands cannot be run in environments at AWS as long as their cluster encrypts them: "
    "its executeCommandConfiguration has a kmsKeyId"
)


@dataclass(frozen=True, slots=True)
class DataChannel:
    """Where a session is, and how long is waited for what happens there."""

    address: str
    token: str = field(repr=False)
    begin_seconds: float
    # So long may nothing come before it is asked whether the other end is still there, as AWS does not tell.
    quiet_seconds: float
    still_there: Callable[[], Awaitable[bool]]

    async def run(self, script: str, output: Output, *, folder: str) -> int | None:
        """Run `script`, for a POSIX shell, in `folder`, and hand over what it prints.

        Returns its exit code; None when the terminal ended first. Broken off, the script is interrupted.

        Raises:
            ProviderFailed: it was never run, or what became of it is not known.
        """
        marked = MarkedOutput(secrets.token_hex(8), output)
        lines = "".join(typed(script, marked.mark, folder))
        session = AgentSession(lines.encode(), opened=time.time_ns() // 1_000_000)
        try:
            async with (
                asyncio.timeout(self.begin_seconds) as beginning,
                connect(
                    self.address,
                    compression=None,
                    max_size=_MESSAGE_BYTES,
                    open_timeout=None,
                    close_timeout=_CLOSE_SECONDS,
                ) as socket,
            ):
                await socket.send(opening(self.token))
                await _Conversation(self, socket, session, marked, beginning).hold()
        except (OSError, WebSocketException, NotUnderstood) as error:
            sentence = _LOST if marked.begun else _NO_SHELL
            raise ProviderFailed(sentence) from Said(f"{type(error).__name__}: {error}")
        return _outcome(session, marked)


def _outcome(session: AgentSession, marked: MarkedOutput) -> int | None:
    if session.unmet:
        sentence = _ENCRYPTED if "KMSEncryption" in session.unmet else _NO_SHELL
        raise ProviderFailed(sentence) from Said(f"the agent wants {', '.join(session.unmet)}")
    if not marked.begun:
        raise ProviderFailed(_NO_SHELL) from Said(session.closed or "the session ended before it began")
    if marked.exit_code is None and session.closed:
        raise ProviderFailed(_CLOSED) from Said(session.closed)
    return marked.exit_code


class _Conversation:
    """Carries messages between a session and its WebSocket."""

    def __init__(
        self,
        channel: DataChannel,
        socket: ClientConnection,
        session: AgentSession,
        marked: MarkedOutput,
        beginning: asyncio.Timeout,
    ) -> None:
        self._channel = channel
        self._socket = socket
        self._session = session
        self._marked = marked
        self._beginning = beginning
        # A letter may come in two messages.
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._clock = asyncio.get_running_loop().time
        self._opened = self._clock()

    async def hold(self) -> None:
        """Return when the command has ended, or its terminal has, or the agent wants what we cannot do."""
        over = False
        try:
            while not over:
                there = await self._step()
                ended = self._marked.take(self._decoder.decode(self._session.shown()))
                if self._marked.begun:
                    self._beginning.reschedule(None)
                over = ended or not there or self._session.closed is not None or bool(self._session.unmet)
            # The last acknowledgements, which the agent waits for.
            with suppress(ConnectionClosed):
                await self._send()
        finally:
            if not over and self._session.has_terminal:
                await self._break_off()

    async def _step(self) -> bool:
        """Send what is due, and take the next message; return False when the other end is gone."""
        await self._send()
        left = self._session.seconds_left(now=self._now())
        try:
            async with asyncio.timeout(self._channel.quiet_seconds if left is None else left):
                data = await self._socket.recv(decode=False)
        except TimeoutError:
            return left is not None or await self._channel.still_there()
        self._session.take(data, now=self._now())
        return True

    async def _send(self) -> None:
        for data in self._session.to_send(now=self._now()):
            await self._socket.send(data)

    async def _break_off(self) -> None:
        self._session.break_off(now=self._now())
        with suppress(ConnectionClosed, TimeoutError, NotUnderstood):
            async with asyncio.timeout(_FAREWELL_SECONDS):
                while self._session.closed is None and not self._session.all_acknowledged():
                    await self._step()

    def _now(self) -> float:
        return self._clock() - self._opened
