"""The gateway on granian, whose ASGI differs from uvicorn's in details: what a gateway needs of it works there too."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from google.protobuf.descriptor import FileDescriptor
from granian.constants import Interfaces
from granian.server.embed import Server

from gateway.app import Gateway
from gateway.backend.in_process import InProcessBackend
from tests.integration.gateway.conftest import Librarian
from tests.patience import PATIENCE
from tests.ports import free_port


@pytest.fixture
async def address(library: FileDescriptor, librarian: Librarian) -> AsyncIterator[tuple[str, int]]:
    """Where a gateway listens, served by granian on this loop."""
    app = Gateway(list(library.services_by_name.values()), InProcessBackend(librarian.handlers(library), []))
    port = free_port()
    server = Server(app, port=port, interface=Interfaces.ASGINL, log_enabled=False)
    serving = asyncio.create_task(server.serve())
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            break
        except ConnectionRefusedError:
            await asyncio.sleep(0.02)
    writer.close()
    yield "127.0.0.1", port
    server.stop()  # type: ignore[no-untyped-call]
    await asyncio.wait_for(serving, 10)


@pytest.fixture
async def client(address: tuple[str, int]) -> AsyncIterator[httpx.AsyncClient]:
    host, port = address
    async with httpx.AsyncClient(base_url=f"http://{host}:{port}", trust_env=False) as client:
        yield client


async def test_calls_and_refusals_are_answered(client: httpx.AsyncClient) -> None:
    book = await client.get("/v1/books/b1")
    head = await client.head("/v1/books/b1")
    missing = await client.get("/v1/books/missing")
    nowhere = await client.get("/v1/nowhere")

    assert (book.status_code, book.json()["title"]) == (200, "A title")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(book.content)))
    assert (missing.status_code, missing.json()) == (404, {"detail": "no such book"})
    assert nowhere.status_code == 404


async def test_paths_come_still_encoded(client: httpx.AsyncClient) -> None:
    book = await client.get("/v1/books/a%2Fb")

    assert (book.status_code, book.json()["id"]) == (200, "a/b")


async def test_a_stream_of_events_ends_properly(client: httpx.AsyncClient) -> None:
    aloud = await client.get("/v1/books/b1/aloud", headers={"accept": "text/event-stream"})

    assert aloud.headers["content-type"].startswith("text/event-stream")
    assert aloud.text.endswith("event: end\ndata: success\n\n")


async def test_a_client_that_leaves_cancels_the_call(address: tuple[str, int], librarian: Librarian) -> None:
    _, writer = await asyncio.open_connection(*address)
    writer.write(b"GET /v1/books/slow HTTP/1.1\r\nHost: library\r\n\r\n")
    await asyncio.wait_for(librarian.gate.wait(), PATIENCE)

    writer.close()

    await asyncio.wait_for(librarian.cancelled.wait(), PATIENCE)


async def test_a_handshake_that_is_refused_has_a_status_and_a_reason(address: tuple[str, int]) -> None:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(
        b"GET /v1/nowhere HTTP/1.1\r\nHost: library\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )

    answer = await asyncio.wait_for(reader.read(4096), PATIENCE)
    writer.close()

    assert answer.startswith(b"HTTP/1.1 404")
    assert b"Not Found" in answer.partition(b"\r\n\r\n")[2]
