"""The same connection over TLS and over a Unix socket."""

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from gateway.serving.http_connection import HttpConnection
from tests.integration.gateway.serving.apps import (
    GET,
    LAST,
    App,
    body,
    echo_path,
    length,
    read_answer,
    read_body,
    start,
)
from tests.integration.gateway.serving.certificate import make_certificate
from tests.integration.gateway.serving.server import read_head, served

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Place:
    """Where a server listens: options for uvicorn, and how it is reached."""

    options: dict[str, Any]
    open: Callable[[uvicorn.Server], Any]
    secure: bool

    @asynccontextmanager
    async def connected(self, app: Any, connection: type[HttpConnection] = HttpConnection) -> AsyncIterator[Any]:
        async with served(app, connection, **self.options) as server, self.connected_to(server) as streams:
            yield server, *streams

    @asynccontextmanager
    async def connected_to(self, server: uvicorn.Server) -> AsyncIterator[Streams]:
        reader, writer = await self.open(server)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(params=["tls", "unix"])
def place(request: pytest.FixtureRequest, certificate: tuple[Path, Path], tmp_path: Path) -> Place:
    if request.param == "unix":
        path = str(tmp_path / "http.sock")
        return Place({"uds": path}, lambda _: asyncio.open_unix_connection(path), secure=False)
    cert, key = certificate

    def over_tls(server: uvicorn.Server) -> Any:
        host, port = server.servers[0].sockets[0].getsockname()[:2]
        context = ssl.create_default_context(cafile=cert)
        return asyncio.open_connection(host, port, ssl=context, server_hostname="localhost")

    return Place({"ssl_certfile": cert, "ssl_keyfile": key}, over_tls, secure=True)


async def test_requests_are_answered_in_order_and_the_last_ends_the_connection(place: Place) -> None:
    posts = b"".join(b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi" % number for number in range(2000))
    async with place.connected(echo_path) as (_, reader, writer):
        writer.write(posts + LAST)
        bodies = [(await read_answer(reader))[1] for _ in range(2001)]
        rest = await reader.read()

    assert bodies == [*(b"POST /%d? hi" % number for number in range(2000)), b"GET /last? "]
    assert rest == b""


async def test_the_scope_tells_the_scheme_and_no_client_without_an_address(place: Place) -> None:
    app = App(start(length(0)), body())
    async with place.connected(app) as (_, reader, writer):
        writer.write(LAST)
        await reader.read()
    (scope,) = app.scopes

    assert scope["scheme"] == ("https" if place.secure else "http")
    assert (scope["client"] is None) == (not place.secure)


async def test_nonsense_is_refused_in_the_shape_of_the_application(place: Place) -> None:
    async with place.connected(echo_path) as (_, reader, writer):
        writer.write(b"nonsense\r\n\r\n")
        answer = await reader.read()

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.endswith(b'{"code":3,"message":"the request must be valid HTTP"}')


async def test_a_client_that_is_still_sending_can_read_the_last_answer(place: Place) -> None:
    """RFC 9112, section 9.6."""
    answer = b"x" * 1_000_000
    app = App(start((b"connection", b"close"), length(len(answer))), body(answer))
    async with place.connected(app) as (_, reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n" + bytes(2_000_000))
        received = await reader.read()

    assert received.endswith(answer)


async def test_a_body_nobody_reads_is_held_back_and_comes_whole_in_the_end(place: Place) -> None:
    data = bytes(range(256)) * 64 * 1024
    reading = asyncio.Event()
    digests: list[str] = []
    taken = 0

    class Counting(HttpConnection):
        def data_received(self, data: bytes) -> None:
            nonlocal taken
            taken += len(data)
            super().data_received(data)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await reading.wait()
            digests.append(hashlib.sha256(await read_body(receive)).hexdigest())
            await send(start(length(0)))
            await send(body())

    async with place.connected(app, Counting) as (_, reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(data) + data + LAST)
        before = -1
        while before != (before := taken):
            await asyncio.sleep(0.2)
        reading.set()
        answers = await reader.read()

    assert 0 < before < 1_000_000
    assert digests == [hashlib.sha256(data).hexdigest(), hashlib.sha256(b"").hexdigest()]
    assert answers.count(b"HTTP/1.1 200 ") == 2


async def test_a_slow_reader_holds_up_the_application_and_gets_everything(place: Place) -> None:
    pieces = 1000
    sent = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal sent
        if scope["type"] == "http":
            await send(start(length(pieces * 100_000)))
            for number in range(pieces):
                await send(body(b"%d" % (number % 10) * 100_000, number < pieces - 1))
                sent += 1

    async with place.connected(app) as (_, reader, writer):
        writer.write(LAST)
        await read_head(reader)
        # Buffers of the kernel and of TLS take some megabytes.
        before = -1
        while before != (before := sent):
            await asyncio.sleep(0.2)
        assert 0 < before < pieces // 2

        received = await reader.read()

    assert received == b"".join(b"%d" % (number % 10) * 100_000 for number in range(pieces))


class Impatient(HttpConnection):
    body_seconds = 0.1


async def test_a_reader_that_takes_nothing_of_a_whole_answer_is_dropped(place: Place) -> None:
    answer = bytes(50_000_000)
    app = App(start((b"connection", b"close"), length(len(answer))), body(answer))
    async with place.connected(app, Impatient) as (server, reader, writer):
        writer.write(GET)
        await read_head(reader)
        while server.server_state.connections:
            await asyncio.sleep(0.01)


async def test_an_application_is_told_that_the_client_has_left(place: Place) -> None:
    heard: list[str] = []
    over = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send(start())
            while (event := await receive())["type"] != "http.disconnect":
                heard.append(event["type"])
            over.set()

    async with served(app, **place.options) as server:
        async with place.connected_to(server) as (reader, writer):
            writer.write(GET)
            await read_head(reader)
        await over.wait()

    assert heard == ["http.request"]
