"""Calls servers elsewhere over a `grpc.aio` channel."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Mapping
from typing import Any, Final

import grpc
from google.protobuf.message import Message

from gateway.backend import STATUS_DETAILS_KEY, Answers, CallFailed, Metadata, Reply
from gateway.contract.services import Method

# What grpc itself says of a connection that fails. It names addresses, which are nobody's business outside. A server's
# own UNAVAILABLE cannot be told apart in any other way: both come without metadata.
GRPC_OWN_WORDS: Final = (
    "failed to connect to all addresses",
    "connections to all backends failing",
    "DNS resolution failed",
    "Connection refused",
    "Connection reset",
    "Broken pipe",
    "Endpoint closing",
    "GOAWAY",
    "Socket closed",
    "Stream removed",
    "empty address list",
    "keepalive watchdog timeout",
    "recvmsg:",
    "sendmsg:",
)
# Of these, what it says of a request that has not left.
NOT_SENT_WORDS: Final = (
    "failed to connect to all addresses",
    "connections to all backends failing",
    "DNS resolution failed",
    "empty address list",
)
OUR_WORDS: Final[Mapping[grpc.StatusCode, str]] = {
    grpc.StatusCode.UNAVAILABLE: "The server behind this gateway cannot be reached.",
    # A stream of answers whose time is over is "removed" for some versions of grpc.
    grpc.StatusCode.DEADLINE_EXCEEDED: "Deadline Exceeded",
}
# What grpc says of a request that could not be sent, mostly because the server has ended the call. Its status is on its
# way then; should it never come, nobody waits for long.
REQUEST_FAILED: Final = "Internal error from Core"
STATUS_SECONDS: Final = 1.0


class ConnectionLost(CallFailed):
    """The call failed with the connection to the server, or for want of one; the server has not answered.

    `sent`: the request may have reached the server, and may have been carried out.
    """

    sent = True


class ChannelBackend:
    """Makes calls over `channel`, which stays its owner's to close."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel
        # grpc does not state the types of its callables in a way that fits messages known at run time.
        self._callables: dict[str, Any] = {}

    async def unary(self, method: Method, request: Message, metadata: Metadata, timeout_seconds: float | None) -> Reply:
        """Make a call with one request and one answer; see `Backend.unary`."""
        call = self._callable(method)(request, metadata=metadata, timeout=timeout_seconds)
        try:
            message = await call
            return Reply(message, tuple(await call.initial_metadata()), tuple(await call.trailing_metadata()))
        except grpc.aio.AioRpcError as error:
            raise failure(error, method) from error

    async def collect(
        self, method: Method, requests: AsyncIterator[Message], metadata: Metadata, timeout_seconds: float | None
    ) -> Reply:
        """Make a call with many requests and one answer; see `Backend.collect`."""
        call = self._callable(method)(requests, metadata=metadata, timeout=timeout_seconds)
        status = ServersStatus(call)
        try:
            message = await call
            return Reply(message, tuple(await call.initial_metadata()), tuple(await call.trailing_metadata()))
        except grpc.aio.AioRpcError as error:
            raise failure(await status.instead_of(error), method) from error

    def stream(
        self,
        method: Method,
        request: Message | AsyncIterator[Message],
        metadata: Metadata,
        timeout_seconds: float | None,
    ) -> Answers:
        """Make a call with many answers; see `Backend.stream`."""
        requests = only(request) if isinstance(request, Message) else request
        return ChannelAnswers(self._callable(method)(requests, metadata=metadata, timeout=timeout_seconds), method)

    def _callable(self, method: Method) -> Any:
        found = self._callables.get(method.full_name)
        if found is None:
            found = self._callables[method.full_name] = self._opener(method)(
                method.full_name,
                request_serializer=method.input_class.SerializeToString,
                response_deserializer=method.output_class.FromString,
            )
        return found

    def _opener(self, method: Method) -> Any:
        # A call with one request looks the same on the wire. grpc's own `unary_stream` loses the initial metadata of a
        # stream without messages when the status is there before it has asked for them.
        if method.server_streaming:
            return self._channel.stream_stream
        return self._channel.stream_unary if method.client_streaming else self._channel.unary_unary


class ChannelAnswers:
    """The answers of one call over the channel."""

    def __init__(self, call: Any, method: Method) -> None:
        self._call = call
        self._status = ServersStatus(call)
        self._method = method
        self._initial: Metadata = ()
        self._trailing: Metadata = ()

    async def __aiter__(self) -> AsyncIterator[Message]:
        try:
            first = True
            async for message in self._call:
                if first:
                    self._initial = tuple(await self._call.initial_metadata())
                    first = False
                yield message
            if first:
                self._initial = tuple(await self._call.initial_metadata())
            self._trailing = tuple(await self._call.trailing_metadata())
        except grpc.aio.AioRpcError as error:
            raise failure(await self._status.instead_of(error), self._method) from error

    @property
    def initial_metadata(self) -> Metadata:
        """What the server sent ahead of its first answer."""
        return self._initial

    @property
    def trailing_metadata(self) -> Metadata:
        """What the server sent behind its last answer."""
        return self._trailing

    async def close(self) -> None:
        """Cancel the call if it still runs."""
        if not self._call.done():
            self._call.cancel()
            # Lets grpc send the cancellation before the caller goes on.
            await asyncio.sleep(0)


class ServersStatus:
    """The status that the server ended `call` with, whatever grpc makes of it.

    A request that is on its way at this moment fails, and `grpc.aio` then says INTERNAL before or after the status that
    has arrived.
    """

    def __init__(self, call: Any) -> None:
        self._error: grpc.aio.AioRpcError | None = None
        self._arrived = asyncio.Event()
        call.add_done_callback(self._keep)

    async def instead_of(self, error: grpc.aio.AioRpcError) -> grpc.aio.AioRpcError:
        """Return what the server has said if `error` says only that a request failed, else `error`."""
        if error.details() != REQUEST_FAILED:
            return error
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STATUS_SECONDS):
                await self._arrived.wait()
        return self._error or error

    def _keep(self, call: Any) -> None:
        details = known(call.details())
        if details != REQUEST_FAILED:
            self._error = grpc.aio.AioRpcError(
                known(call.code()), grpc.aio.Metadata(), known(call.trailing_metadata()), details, None
            )
            self._arrived.set()


def known(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Return what `coroutine` returns without waiting, as those of a call that is done do."""
    try:
        coroutine.send(None)
    except StopIteration as returned:
        return returned.value
    raise RuntimeError("the call is not done")


async def only(request: Message) -> AsyncIterator[Message]:
    """Iterate over `request` alone."""
    yield request


def failure(error: grpc.aio.AioRpcError, method: Method) -> CallFailed:
    """Return `error`, which a call of `method` ended with, in our words."""
    said = message = error.details() or ""
    kind = CallFailed
    if error.code() in OUR_WORDS and any(words in said for words in GRPC_OWN_WORDS):
        message = OUR_WORDS[error.code()]
        kind = ConnectionLost if error.code() is grpc.StatusCode.UNAVAILABLE else CallFailed
    trailing: Any = tuple(error.trailing_metadata() or ())
    details = dict(trailing).get(STATUS_DETAILS_KEY)
    data = details.encode() if isinstance(details, str) else details
    failed = kind(error.code(), message, data, trailing, method.output.file.pool)
    if isinstance(failed, ConnectionLost):
        failed.sent = not any(words in said for words in NOT_SENT_WORDS)
    return failed
