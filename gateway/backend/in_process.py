"""Calls the servicers of this process directly, through the same interceptors a server would use.

What a servicer sees is what `grpc.aio.server` would show it: the same handlers, a `ServicerContext`, errors by `abort`
or by status code, CancelledError when the caller leaves. Only the wire is missing.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, NoReturn, Self, cast

import grpc
from google.protobuf.message import Message

from gateway.backend import STATUS_DETAILS_KEY, Answers, CallFailed, Metadata, Reply
from gateway.contract.services import Method

log = logging.getLogger(__name__)

# Handlers come in by way of grpc, which does not state the types of messages.
Handler = Any
Resolve = Callable[["CallDetails"], Awaitable[Handler | None]]

OK: Final = grpc.StatusCode.OK
# A servicer that has its answers ready never waits, nor does a connection that takes them. After so many answers
# everybody else has a turn.
ANSWERS_IN_A_ROW: Final = 16
ENDED_FROM_OUTSIDE: Final = (asyncio.CancelledError, GeneratorExit)


class CallDetails(grpc.HandlerCallDetails):
    """What an interceptor may know before it chooses the handler."""

    def __init__(self, method: str, invocation_metadata: Any) -> None:
        self.method = method
        self.invocation_metadata = invocation_metadata


class InProcessBackend:
    """Makes calls to `handlers` through `interceptors`, the first one outermost."""

    def __init__(
        self,
        handlers: "Sequence[grpc.GenericRpcHandler[Any, Any]]",
        interceptors: "Sequence[grpc.aio.ServerInterceptor[Any, Any]]",
    ) -> None:
        self._handlers = tuple(handlers)
        self._known: dict[str, Handler | None] = {}
        resolve: Resolve = self._find
        for interceptor in reversed(interceptors):
            resolve = partial(interceptor.intercept_service, resolve)
        self._resolve = resolve
        self._open: Mapping[str, Handler | None] = {} if interceptors else self._known
        """Handlers that nobody stands before."""

    async def unary(self, method: Method, request: Message, metadata: Metadata, timeout_seconds: float | None) -> Reply:
        """Make a call with one request and one answer; see `Backend.unary`."""
        with CallContext(method, metadata, timeout_seconds) as context:
            if timeout_seconds is None:
                handler = self._open.get(method.full_name) or await self._handler(context)
                message = await handler.unary_unary(request, context)
            else:
                async with asyncio.timeout(timeout_seconds):
                    handler = await self._handler(context)
                    message = await handler.unary_unary(request, context)
        return Reply(message, context.initial_metadata, context.trailing)

    async def collect(
        self, method: Method, requests: AsyncIterator[Message], metadata: Metadata, timeout_seconds: float | None
    ) -> Reply:
        """Make a call with many requests and one answer; see `Backend.collect`."""
        with CallContext(method, metadata, timeout_seconds, requests) as context:
            async with asyncio.timeout(timeout_seconds):
                handler = await self._handler(context)
                message = await handler.stream_unary(requests, context)
        return Reply(message, context.initial_metadata, context.trailing_metadata())

    def stream(
        self,
        method: Method,
        request: Message | AsyncIterator[Message],
        metadata: Metadata,
        timeout_seconds: float | None,
    ) -> Answers:
        """Make a call with many answers; see `Backend.stream`."""
        context = CallContext(method, metadata, timeout_seconds, None if isinstance(request, Message) else request)
        return InProcessAnswers(self._answers(request, context), context)

    async def _answers(
        self, request: Message | AsyncIterator[Message], context: "CallContext"
    ) -> AsyncGenerator[Message]:
        with context:
            async with asyncio.timeout_at(context.deadline):
                handler = await self._handler(context)
            method = handler.unary_stream if isinstance(request, Message) else handler.stream_stream
            source: Any = method(request, context)
            if not hasattr(source, "__aiter__"):
                source = written(source, context)
            try:
                count = 0
                while (message := await next_answer(source, context.deadline)) is not None:
                    yield message
                    count += 1
                    if count % ANSWERS_IN_A_ROW == 0:
                        await asyncio.sleep(0)
            finally:
                if hasattr(source, "aclose"):
                    await source.aclose()

    async def _handler(self, context: "CallContext") -> Handler:
        handler = await self._resolve(CallDetails(context.method.full_name, context.metadata))
        if handler is None:
            # The sentence of grpc.aio's own server.
            raise CallFailed(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
        return handler

    async def _find(self, details: CallDetails) -> Handler | None:
        try:
            return self._known[details.method]
        except KeyError:
            found = (handler.service(details) for handler in self._handlers)
            handler = self._known[details.method] = next((one for one in found if one is not None), None)
            return handler


class InProcessAnswers:
    """The answers of one call in this process."""

    def __init__(self, messages: AsyncGenerator[Message], context: "CallContext") -> None:
        self._messages = messages
        self._context = context

    def __aiter__(self) -> AsyncIterator[Message]:
        return self._messages

    @property
    def initial_metadata(self) -> Metadata:
        """What the servicer sent ahead of its first answer."""
        return self._context.initial_metadata

    @property
    def trailing_metadata(self) -> Metadata:
        """What the servicer sent behind its last answer."""
        return tuple(self._context.trailing_metadata())

    async def close(self) -> None:
        """End the servicer's generator, which runs its clean-up."""
        await self._messages.aclose()


class CallContext(grpc.aio.ServicerContext[Any, Any]):
    """What one call looks like from inside the servicer."""

    # What most calls never change is kept once, on the class: a context is made for every call.
    initial_metadata: Metadata = ()
    status: grpc.StatusCode = OK
    deadline: float | None = None
    trailing: Metadata = ()
    _message = ""
    _requests: AsyncIterator[Message] | None = None
    _cancelled = False
    _done = False
    _callbacks: Sequence[Callable[[Any], None]] = ()
    _written: "asyncio.Queue[Message] | None" = None

    def __init__(
        self,
        method: Method,
        metadata: Metadata,
        timeout_seconds: float | None,
        requests: AsyncIterator[Message] | None = None,
    ) -> None:
        self.method = method
        self.metadata = metadata
        if timeout_seconds is not None:
            self.deadline = asyncio.get_running_loop().time() + timeout_seconds
        if requests is not None:
            self._requests = requests

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: object) -> None:
        """End the call. What came out of the servicer leaves as CallFailed, a cancellation as it is."""
        self._done = True
        self._cancelled = fault is not None and isinstance(fault, ENDED_FROM_OUTSIDE)
        for callback in self._callbacks:
            callback(self)
        if fault is None:
            if self.status is not OK:
                raise self._failed(self._message)
        elif isinstance(fault, grpc.aio.AbortError):
            raise self._failed(self._message) from fault
        elif isinstance(fault, TimeoutError) and self.time_remaining() == 0:
            raise CallFailed(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded") from fault
        elif isinstance(fault, Exception) and not isinstance(fault, CallFailed):
            log.error("a servicer raised an unexpected exception", extra={"rpc": self.method.full_name}, exc_info=fault)
            if self.status is OK:
                self.status = grpc.StatusCode.UNKNOWN
            # As grpc.aio's own server has it.
            raise self._failed(f"Unexpected {type(fault)}: {fault}") from fault

    def _failed(self, message: str) -> CallFailed:
        return CallFailed(self.status, message, self._details(), self.trailing, self.method.output.file.pool)

    def _details(self) -> bytes | None:
        for key, value in self.trailing:
            if key == STATUS_DETAILS_KEY:
                return value if isinstance(value, bytes) else value.encode()
        return None

    async def read(self) -> Any:
        """Return the next request, or `grpc.aio.EOF` after the last."""
        end = grpc.aio.EOF  # type: ignore[attr-defined]  # missing in grpc-stubs
        return end if self._requests is None else await anext(self._requests, end)

    async def write(self, message: Any) -> None:
        """Hand one answer to the reader and wait until it was taken."""
        if self._written is None:
            raise RuntimeError("this call has one answer, which the method returns")
        await self._written.put(message)
        await self._written.join()

    async def abort(self, code: grpc.StatusCode, details: str = "", trailing_metadata: Any = ()) -> NoReturn:
        """End the call with a status other than OK."""
        if code is OK:
            code, details = grpc.StatusCode.UNKNOWN, "abort was called with OK, which is no error"
        self.status = code
        self._message = details
        if trailing_metadata:
            self.trailing = tuple(trailing_metadata)
        raise grpc.aio.AbortError

    async def abort_with_status(self, status: grpc.Status) -> NoReturn:
        """End the call with `status`."""
        await self.abort(status.code, status.details, status.trailing_metadata)

    async def send_initial_metadata(self, initial_metadata: Any) -> None:
        """Keep what goes ahead of the first answer."""
        self.initial_metadata = tuple(initial_metadata)

    def invocation_metadata(self) -> Any:
        """Return what the caller sent along."""
        return self.metadata

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        """Keep what goes behind the last answer."""
        self.trailing = tuple(trailing_metadata)

    def trailing_metadata(self) -> Any:
        """Return what goes behind the last answer."""
        return self.trailing

    def set_code(self, code: grpc.StatusCode) -> None:
        """Set the status the call will end with."""
        self.status = code

    def code(self) -> grpc.StatusCode:
        """Return the status the call will end with."""
        return self.status

    def set_details(self, details: str) -> None:
        """Set the sentence that goes with the status."""
        self._message = details

    def details(self) -> str:
        """Return the sentence that goes with the status."""
        return self._message

    def time_remaining(self) -> float | None:  # type: ignore[override]  # the stubs forget None
        """Seconds to the deadline, not below 0; None without one."""
        if self.deadline is None:
            return None
        return max(0.0, self.deadline - asyncio.get_running_loop().time())

    def peer(self) -> str:
        """Return "inproc": no address, as there is no connection."""
        return "inproc"

    def peer_identities(self) -> Iterable[bytes] | None:
        """Return None: nobody was authenticated by a transport."""
        return None

    def peer_identity_key(self) -> str | None:
        """Return None: nobody was authenticated by a transport."""
        return None

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """Return nothing: there is no transport."""
        return {}

    def set_compression(self, compression: grpc.Compression) -> None:
        """Do nothing: no bytes are sent."""

    def disable_next_message_compression(self) -> None:
        """Do nothing: no bytes are sent."""

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Have `callback` called with this context when the call is over."""
        self._callbacks = (*self._callbacks, callback)

    def cancelled(self) -> bool:
        """Whether the caller has left."""
        return self._cancelled

    def done(self) -> bool:
        """Whether the call is over."""
        return self._done

    def take_written(self) -> "asyncio.Queue[Message]":
        """Return the queue that `write` fills, for a method that writes its answers instead of yielding them."""
        self._written = asyncio.Queue(maxsize=1)
        return self._written


async def next_answer(source: Any, deadline: float | None) -> Message | None:
    """Return the next message of `source`, None after the last. Raises TimeoutError at `deadline`, in loop time."""
    if deadline is None:
        return cast("Message | None", await anext(source, None))
    async with asyncio.timeout_at(deadline):
        return cast("Message | None", await anext(source, None))


async def written(method: Awaitable[None], context: CallContext) -> AsyncGenerator[Message]:
    """Yield what `method` gives to `context.write`, and end when it returns."""
    queue = context.take_written()
    running = asyncio.ensure_future(method)
    taken = asyncio.ensure_future(queue.get())
    try:
        while True:
            await asyncio.wait({running, taken}, return_when=asyncio.FIRST_COMPLETED)
            if not taken.done():
                await running
                return
            yield taken.result()
            queue.task_done()
            taken = asyncio.ensure_future(queue.get())
    finally:
        taken.cancel()
        running.cancel()
        await asyncio.gather(running, taken, return_exceptions=True)
