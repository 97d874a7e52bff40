"""Ends the streams that gRPC clients have open when the server stops: by themselves they would end much later.

Stands before the other interceptors of the gRPC server only. Streams over HTTP are ended by their gateway.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import grpc

STOPPING: Final = "the server is stopping; connect again"
# A client that does not take what it is being sent has this long before its stream ends without a word.
SENDING_SECONDS: Final = 1.0

Context = Any
Handler = Any  # grpc.RpcMethodHandler, which is generic in the stubs only


@dataclass(slots=True, eq=False)
class _Stream:
    """A stream, and the task that serves it. While gRPC sends an answer, a cancel would end it without a status."""

    task: "asyncio.Task[Any]"
    sending: bool = False


class OpenStreams(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in the stubs only
    """Knows the tasks that serve streams of answers, and ends them on request."""

    def __init__(self) -> None:
        self._streams: set[_Stream] = set()
        self._wrapped: dict[str, Handler] = {}
        self._stopping = False

    def close(self) -> None:
        """End every open stream with UNAVAILABLE; clients connect again and go on where they were."""
        self._stopping = True
        for stream in self._streams:
            if stream.sending:
                asyncio.get_running_loop().call_later(SENDING_SECONDS, stream.task.cancel)
            else:
                stream.task.cancel()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Return the handler, wrapped if it streams answers."""
        name: str = handler_call_details.method
        wrapped = self._wrapped.get(name)
        if wrapped is not None:
            return wrapped
        handler = await continuation(handler_call_details)
        if handler is None or not handler.response_streaming:
            return handler
        behavior = handler.stream_stream if handler.request_streaming else handler.unary_stream
        wrap: Callable[[Any], Any] = self._generator if inspect.isasyncgenfunction(behavior) else self._coroutine
        make = (
            grpc.stream_stream_rpc_method_handler if handler.request_streaming else grpc.unary_stream_rpc_method_handler
        )
        wrapped = make(wrap(behavior), handler.request_deserializer, handler.response_serializer)
        self._wrapped[name] = wrapped
        return wrapped

    def _generator(self, behavior: Callable[..., Any]) -> Callable[..., AsyncIterator[Any]]:
        async def handle(request: Any, context: Context) -> AsyncIterator[Any]:
            with self._known() as stream:
                try:
                    async with aclosing(behavior(request, context)) as answers:
                        async for answer in answers:
                            stream.sending = True
                            yield answer
                            stream.sending = False
                            if self._stopping:
                                await context.abort(grpc.StatusCode.UNAVAILABLE, STOPPING)
                except asyncio.CancelledError:
                    await self._part(stream, context)
                    raise

        return handle

    def _coroutine(self, behavior: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
        async def handle(request: Any, context: Context) -> Any:
            with self._known() as stream:
                try:
                    return await behavior(request, context)
                except asyncio.CancelledError:
                    await self._part(stream, context)
                    raise

        return handle

    @contextmanager
    def _known(self) -> Iterator[_Stream]:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a stream is served by a task")
        stream = _Stream(task)
        self._streams.add(stream)
        try:
            yield stream
        finally:
            self._streams.discard(stream)

    async def _part(self, stream: _Stream, context: Context) -> None:
        """Tell the client why its stream ends, if it is because of us; else return."""
        if self._stopping:
            stream.task.uncancel()
            await context.abort(grpc.StatusCode.UNAVAILABLE, STOPPING)
