"""Carries messages between servers through Redis: one channel to which all are subscribed.

What is told while a message is on its way goes with the next one, so many tellings cost little more than one. A server
that finds itself alone sends nothing but a sign of life every few seconds, until another one greets.

Redis keeps nothing of all this. When it is away everything within this process goes on, others are not heard and the
log says so once; who looks at the database is told to look more often, and who would have heard is told that something
may be missing.
"""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import structlog
from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

from server.fan_out import Listener, Parts, parcel
from server.fan_out.parcel import ParcelBroken
from server.fan_out.seal import NotSealed, Seal

CHANNEL: Final = "switchyard:fan_out"
CALL_SECONDS: Final = 2.0
# A sign of life comes so often when nothing else does. Who has not heard his own for the longer time is cut off.
LIFE_SECONDS: Final = 3.0
SILENCE_SECONDS: Final = 10.0
# Pause before Redis is called again.
PAUSE_SECONDS: Final = 0.25
# What may wait to be sent, and what goes in one piece, in bytes. Beyond that it is dropped, and others are told so.
WAITING_BYTES: Final = 32 * 1024 * 1024
PIECE_BYTES: Final = 1024 * 1024

# Messages of this module: a greeting asks the others to answer, and each names topics of which something was dropped.
_OWN: Final = b""
_GREETING: Final = b"greeting"
_ANSWER: Final = b"answer"
# Behind it Redis has sent a message; everything else is the answer to a command.
_MESSAGE: Final = b"message"

AWAY: Final = (RedisError, OSError, TimeoutError)

log: Final = structlog.get_logger(__name__)


class RedisFanOut:
    """Carries messages between the servers that know `key` (32 bytes, secret) and have the Redis at `url`.

    Sends and hears while `run` runs.

    Raises:
        ValueError: the URL is of something else.
    """

    def __init__(self, url: str, key: bytes) -> None:
        # The time of calls is limited here: the client's own limit may swallow a cancellation in Python 3.11.
        self._pool = ConnectionPool.from_url(url)
        # Redis does not separate channels by its databases, as it does keys: installations that share it must not meet.
        self._channel = f"{CHANNEL}:{hmac.new(key, CHANNEL.encode(), hashlib.sha256).hexdigest()[:16]}"
        self._seal = Seal(key)
        self._listeners: dict[bytes, tuple[Listener, Callable[[], None]]] = {}
        self._waiting: dict[tuple[bytes, ...], None] = {}
        self._waiting_bytes = 0
        self._wake = asyncio.Event()
        self._connected = False
        # Whether this was told in the log.
        self._away = False
        self._alone = False
        # Goes up with each greeting: what was known of being alone is then not true any more.
        self._greetings = 0
        # Topics of which something was not sent since others were told so.
        self._dropped: set[bytes] = set()
        self._own_message: bytes | None = None

    @property
    def deaf(self) -> bool:
        """Whether there may be others whose messages do not arrive at present."""
        return not self._connected

    @property
    def alone(self) -> bool:
        """Whether nobody else would hear a message at present."""
        return self._alone or self._away

    def tell(self, topic: str, *parts: bytes) -> None:
        """Send a message to all other servers. Returns at once and never fails; equal ones that wait are sent once."""
        if self.alone:
            return
        message = (topic.encode(), *parts)
        if message in self._waiting:
            return
        size = _size(message)
        if self._waiting_bytes + size > WAITING_BYTES:
            self._dropped.add(message[0])
            return
        self._waiting[message] = None
        self._waiting_bytes += size
        self._wake.set()

    def hear(self, topic: str, listener: Listener, *, missed: Callable[[], None]) -> None:
        """Have `listener` called with each message of others, and `missed` when some may not have arrived."""
        self._listeners[topic.encode()] = (listener, missed)

    async def run(self) -> None:
        """Send and hear until cancelled."""
        while True:
            try:
                await self._talk()
            except AWAY as error:
                self._lose(error)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _talk(self) -> None:
        """Send and hear until something breaks, which is raised."""
        async with self._connection() as hearing, self._connection() as sending:
            await _call(hearing, "SUBSCRIBE", self._channel)
            self._begin()
            # No TaskGroup: in Python 3.11 one whose task fails counts as a cancellation of ours for ever.
            tasks = [asyncio.create_task(self._hear(hearing)), asyncio.create_task(self._send(sending))]
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                done.pop().result()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AbstractConnection]:
        connection: AbstractConnection = self._pool.make_connection()  # type: ignore[no-untyped-call]
        try:
            async with asyncio.timeout(CALL_SECONDS):
                await connection.connect()  # type: ignore[no-untyped-call]
            yield connection
        finally:
            await connection.disconnect(nowait=True)

    def _begin(self) -> None:
        was_alone, self._alone = self._alone, False
        self._connected = True
        self._own_message = _GREETING
        if self._away:
            self._away = False
            self._dropped.update(self._listeners)
            log.info("other servers are heard again")
            if not was_alone:
                self._miss(self._listeners)

    def _lose(self, error: Exception) -> None:
        self._connected = False
        self._drop_waiting()
        if self._away:
            return
        self._away = True
        log.warning("other servers are not heard: Redis is away; the database is looked at", error=type(error).__name__)
        if not self._alone:
            self._miss(self._listeners)

    async def _send(self, connection: AbstractConnection) -> None:
        while True:
            # Without anything to say it is a sign of life.
            while True:
                await self._publish(connection, parcel.pack(self._taken()))
                if not self._waiting and self._own_message is None:
                    break
            self._wake.clear()
            await _first(self._wake.wait(), LIFE_SECONDS)

    def _taken(self) -> Iterator[tuple[bytes, ...]]:
        """Take what goes in the next piece."""
        if self._own_message is not None or (self._dropped and not self._alone):
            yield (_OWN, self._own_message or _ANSWER, *self._dropped)
            self._own_message = None
            self._dropped.clear()
        size = 0
        while self._waiting and size < PIECE_BYTES:
            message = next(iter(self._waiting))
            del self._waiting[message]
            size += _size(message)
            yield message
        self._waiting_bytes -= size

    async def _publish(self, connection: AbstractConnection, piece: bytes) -> None:
        greetings = self._greetings
        hearers = await _call(connection, "PUBLISH", self._channel, self._seal.close(piece))
        if hearers <= 1 and greetings == self._greetings:
            self._alone = True
            self._drop_waiting()

    def _drop_waiting(self) -> None:
        self._waiting.clear()
        self._waiting_bytes = 0

    async def _hear(self, connection: AbstractConnection) -> None:
        unreadable = False
        while True:
            arrived = await connection.read_response(timeout=SILENCE_SECONDS, disable_decoding=True)
            if arrived is None:
                raise TimeoutError("our own signs of life do not arrive")
            kind, _, sealed = arrived
            if kind != _MESSAGE or self._seal.ours(sealed):
                continue
            try:
                messages = parcel.unpack(self._seal.open(sealed))
            except (NotSealed, ParcelBroken) as error:
                if not unreadable:
                    log.warning("a message of another server could not be read", reason=str(error))
                unreadable = True
                continue
            self._hear_all(messages)

    def _hear_all(self, messages: list[list[bytes]]) -> None:
        if self._alone:
            # What we did while we were alone was not told.
            self._dropped.update(self._listeners)
            self._greetings += 1
            self._alone = False
        for topic, *parts in messages:
            if topic == _OWN:
                self._hear_own(parts)
            elif topic in self._listeners:
                self._pass_on(topic, parts)

    def _hear_own(self, parts: Parts) -> None:
        kind, *dropped = parts
        if kind == _GREETING:
            self._greetings += 1
            self._own_message = self._own_message or _ANSWER
            self._wake.set()
        self._miss(dropped)

    def _pass_on(self, topic: bytes, parts: Parts) -> None:
        try:
            self._listeners[topic][0](parts)
        except Exception:  # a server of another version may say what we do not understand
            log.exception("a message of another server was of no use", topic=topic.decode())

    def _miss(self, topics: Iterable[bytes]) -> None:
        for topic in topics:
            if topic in self._listeners:
                self._listeners[topic][1]()


async def _call(connection: AbstractConnection, *command: str | bytes) -> Any:
    """Return the answer of Redis."""
    async with asyncio.timeout(CALL_SECONDS):
        await connection.send_command(*command)
        return await connection.read_response()


def _size(message: Parts) -> int:
    return sum(map(len, message))


async def _first(waiting: Awaitable[object], seconds: float) -> None:
    """Wait, at most so long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await waiting
