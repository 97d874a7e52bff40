"""A stream over a channel when the loop is busy: what the server said must not depend on who was faster."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import FileDescriptor

from gateway.backend.channel import ChannelBackend
from gateway.contract.services import Method, read_services
from tests.integration.gateway.handlers import service_handler

CALLS = 40


@pytest.fixture
def port(echo: FileDescriptor) -> Iterator[int]:
    """A server in threads of its own, which answers while the loop of the test is held up."""

    def silent(_request: Any, context: Any) -> Iterator[Any]:
        context.send_initial_metadata((("etag", '"1"'),))
        yield from ()

    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    server.add_generic_rpc_handlers((service_handler(echo.services_by_name["EchoService"], lambda _: silent),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(None)


@pytest.fixture
async def busy() -> AsyncIterator[None]:
    """A loop on which something else always needs a few milliseconds."""

    async def hold() -> None:
        while True:
            time.sleep(0.004)
            await asyncio.sleep(0)

    holding = asyncio.create_task(hold())
    yield
    holding.cancel()


@pytest.mark.usefixtures("busy")
async def test_initial_metadata_of_an_empty_stream_arrives_on_a_busy_loop(echo: FileDescriptor, port: int) -> None:
    methods = read_services([echo.services_by_name["EchoService"]])
    repeat = next(method for method in methods if method.full_name.endswith("/Repeat"))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        backend = ChannelBackend(channel)

        told = await asyncio.gather(*[initial_metadata(backend, repeat) for _ in range(CALLS)])

    assert [dict(metadata).get("etag") for metadata in told] == ['"1"'] * CALLS


async def initial_metadata(backend: ChannelBackend, method: Method) -> Any:
    """What the server said ahead of a stream that has ended."""
    answers = backend.stream(method, method.input_class(), (), None)
    assert [answer async for answer in answers] == []
    return answers.initial_metadata
