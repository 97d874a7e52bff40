"""How a stream ends when the server stops while gRPC is busy with one of its answers."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import grpc
import pytest

from server.rpc.open_streams import OpenStreams


class Aborted(Exception):
    """What gRPC raises where a call is aborted."""


class Context:
    """Keeps the status of a call."""

    code: grpc.StatusCode | None = None

    async def abort(self, code: grpc.StatusCode, _details: str) -> None:
        self.code = code
        raise Aborted


async def endless(_request: Any, _context: Any) -> AsyncIterator[int]:
    for number in range(1_000_000):
        yield number
    raise AssertionError("it ends before that")


async def serve(streams: OpenStreams, context: Context, sending: asyncio.Event, sent: asyncio.Event) -> None:
    """Serve a stream as gRPC does: send each answer before the next is asked for."""

    async def continuation(_: Any) -> Any:
        return grpc.unary_stream_rpc_method_handler(endless)

    details: Any = SimpleNamespace(method="/endless")
    handler = await streams.intercept_service(continuation, details)
    async for _ in handler.unary_stream(None, context):
        sending.set()
        await sent.wait()


async def test_an_answer_that_is_being_sent_is_sent_before_its_stream_ends_with_a_status() -> None:
    streams, context, sending, sent = OpenStreams(), Context(), asyncio.Event(), asyncio.Event()
    serving = asyncio.create_task(serve(streams, context, sending, sent))
    await sending.wait()

    streams.close()
    await asyncio.sleep(0)
    sent.set()

    with pytest.raises(Aborted):
        await serving
    assert context.code == grpc.StatusCode.UNAVAILABLE


async def test_a_client_that_takes_nothing_keeps_no_stream_open() -> None:
    streams, sending = OpenStreams(), asyncio.Event()
    serving = asyncio.create_task(serve(streams, Context(), sending, asyncio.Event()))
    await sending.wait()

    streams.close()

    with pytest.raises(asyncio.CancelledError):
        await serving
