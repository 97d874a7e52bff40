"""Several servers that do the same work: each call goes to the next one that is well.

A server that cannot be reached, or says of itself that it does not serve (grpc.health.v1), gets no calls while there is
another. A call that a lost connection has ended is made once more elsewhere if that cannot do harm: the request was
never sent, or the rpc only reads.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import grpc
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.message import Message

from gateway.backend import Answers, Metadata, Reply
from gateway.backend.channel import ChannelBackend, ConnectionLost
from gateway.backend.connection import ServerAddress
from gateway.contract.services import Method

READY: Final = grpc.ChannelConnectivity.READY
FAILED: Final = (grpc.ChannelConnectivity.TRANSIENT_FAILURE, grpc.ChannelConnectivity.SHUTDOWN)
READING_METHODS: Final = frozenset({"GET", "HEAD"})


class SeveralServers:
    """Makes calls over `channels` in turn; they stay their owner's to close."""

    def __init__(self, channels: Sequence[grpc.aio.Channel]) -> None:
        self._channels = tuple(channels)
        self._backends = tuple(ChannelBackend(channel) for channel in channels)
        self._next = 0

    def serving(self) -> bool:
        """Whether a server can be called at this moment. Connects to those that are not connected."""
        return any(channel.get_state(try_to_connect=True) is READY for channel in self._channels)

    async def unary(self, method: Method, request: Message, metadata: Metadata, timeout_seconds: float | None) -> Reply:
        """Make a call with one request and one answer; see `Backend.unary`."""
        first, *others = self._in_turn()
        for backend in (first, *others):
            try:
                return await backend.unary(method, request, metadata, timeout_seconds)
            except ConnectionLost as loss:
                if not may_repeat(loss, method):
                    raise
        # Also where there is one name only: many servers may stand behind it.
        return await first.unary(method, request, metadata, timeout_seconds)

    async def collect(
        self, method: Method, requests: AsyncIterator[Message], metadata: Metadata, timeout_seconds: float | None
    ) -> Reply:
        """Make a call with many requests, which can be read only once; see `Backend.collect`."""
        return await next(self._in_turn()).collect(method, requests, metadata, timeout_seconds)

    def stream(
        self,
        method: Method,
        request: Message | AsyncIterator[Message],
        metadata: Metadata,
        timeout_seconds: float | None,
    ) -> Answers:
        """Make a call with many answers; see `Backend.stream`."""
        if not isinstance(request, Message):
            return next(self._in_turn()).stream(method, request, metadata, timeout_seconds)
        first, *others = self._in_turn()
        calls = (one.stream(method, request, metadata, timeout_seconds) for one in (first, *others, first))
        return AnswersOfOne(method, calls)

    def _in_turn(self) -> Iterator[ChannelBackend]:
        """Yield the backends from the one whose turn it is: those connected, those that may be soon, the rest."""
        count = len(self._backends)
        self._next = start = (self._next + 1) % count
        turn = [(start + place) % count for place in range(count)]
        if count > 1:
            states = [channel.get_state(try_to_connect=True) for channel in self._channels]
            turn.sort(key=lambda place: 0 if states[place] is READY else 2 if states[place] in FAILED else 1)
        return (self._backends[place] for place in turn)


class AnswersOfOne:
    """The answers of the first of `calls` whose connection holds until there is an answer."""

    def __init__(self, method: Method, calls: Iterator[Answers]) -> None:
        self._method = method
        self._calls = calls
        self._call = next(calls)

    async def __aiter__(self) -> AsyncIterator[Message]:
        answered = False
        while True:
            try:
                async for message in self._call:
                    answered = True
                    yield message
                return
            except ConnectionLost as loss:
                other = None if answered or not may_repeat(loss, self._method) else next(self._calls, None)
                if other is None:
                    raise
                self._call = other

    @property
    def initial_metadata(self) -> Metadata:
        """What the server sent ahead of its first answer."""
        return self._call.initial_metadata

    @property
    def trailing_metadata(self) -> Metadata:
        """What the server sent behind its last answer."""
        return self._call.trailing_metadata

    async def close(self) -> None:
        """Cancel the call if it still runs."""
        await self._call.close()


def may_repeat(loss: ConnectionLost, method: Method) -> bool:
    """Whether a call can be made again after `loss` without being carried out twice."""
    return not loss.sent or only_reads(method)


def only_reads(method: Method) -> bool:
    """Whether the contract says of an rpc that it changes nothing."""
    options: Any = method.descriptor.GetOptions()
    if options.idempotency_level == MethodOptions.NO_SIDE_EFFECTS:
        return True
    return bool(method.bindings) and all(one.http_method in READING_METHODS for one in method.bindings)


@asynccontextmanager
async def open_servers(addresses: Sequence[ServerAddress]) -> AsyncIterator[SeveralServers]:
    """Open a channel to each address, and close them at the end."""
    async with AsyncExitStack() as channels:
        yield SeveralServers([await channels.enter_async_context(address.open()) for address in addresses])
