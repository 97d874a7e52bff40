"""How connections end."""

import asyncio
from typing import Any

import pytest

from gateway.serving.http_connection import HttpConnection
from tests.integration.gateway.serving.apps import (
    GET,
    LAST,
    WAIT,
    App,
    body,
    echo_path,
    length,
    read_answer,
    read_body,
    start,
)
from tests.integration.gateway.serving.server import connected, connected_to, read_head, served


class Impatient(HttpConnection):
    body_seconds = 0.1


@pytest.mark.parametrize("sent", [b"", b"h"])
async def test_a_body_that_stops_coming_is_refused(sent: bytes) -> None:
    """RFC 9110, section 15.5.9."""
    app = App(start(length(0)), body(), reads=True)
    async with connected(app, Impatient) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n" + sent)
        answer = await reader.read()
        await app.over.wait()

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert isinstance(app.failure, ConnectionError)


async def test_an_answer_that_has_begun_breaks_off_when_the_body_stops_coming() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send(start())
            await read_body(receive)

    async with connected(app, Impatient) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n")
        await read_head(reader)

        assert await reader.read() == b""


async def test_a_body_without_a_length_may_be_silent() -> None:
    async with connected(echo_path, Impatient, timeout_keep_alive=0.1) as (reader, writer):
        writer.write(b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        # Longer than any patience here; nothing else would show that none of it counts.
        await asyncio.sleep(0.4)
        writer.write(b"2\r\nhi\r\n0\r\n\r\n")
        _, data = await read_answer(reader)

    assert data == b"POST /a? hi"


async def test_a_body_nobody_wants_that_stops_coming_ends_the_connection() -> None:
    async with connected(App(start(length(0)), body()), Impatient) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        await read_answer(reader)

        assert await reader.read() == b""


async def test_a_reader_that_takes_nothing_of_a_whole_answer_is_dropped() -> None:
    answer = bytes(50_000_000)
    app = App(start(length(len(answer))), body(answer))
    async with served(app, Impatient, timeout_keep_alive=0.1) as server, connected_to(server) as (reader, writer):
        writer.write(GET)
        await read_head(reader)
        while server.server_state.connections:
            await asyncio.sleep(0.01)


async def test_a_connection_that_asks_nothing_more_is_closed() -> None:
    async with connected(echo_path, timeout_keep_alive=0.1) as (reader, writer):
        writer.write(GET)
        await read_answer(reader)

        assert await reader.read() == b""


async def test_a_server_that_stops_completes_what_it_is_answering() -> None:
    app = App(WAIT, start(length(2)), body(b"hi"))
    async with served(app) as server, connected_to(server) as (reader, writer):
        writer.write(GET + GET)
        while not app.scopes:
            await asyncio.sleep(0.01)
        server.should_exit = True
        while server.servers[0].is_serving():
            await asyncio.sleep(0.01)
        app.gate.set()
        answer = await reader.read()

    assert b"\r\nconnection: close\r\n" in answer
    assert answer.endswith(b"\r\n\r\nhi")
    assert answer.count(b"HTTP/1.1 ") == 1


async def test_a_client_that_is_still_sending_can_read_the_last_answer() -> None:
    """RFC 9112, section 9.6: to close at once would reset the connection before the answer is read."""
    answer = b"x" * 1_000_000
    app = App(start((b"connection", b"close"), length(len(answer))), body(answer))
    async with connected(app) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n" + bytes(2_000_000))
        received = await reader.read()

    assert received.endswith(answer)


@pytest.mark.parametrize("request_bytes", [GET, LAST])
async def test_nobody_waits_for_more_of_a_request_that_is_answered(request_bytes: bytes) -> None:
    heard: list[str] = []
    over = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await receive()
            waiting = asyncio.create_task(receive())
            await send(start(length(0)))
            await send(body())
            heard.append((await waiting)["type"])
            over.set()

    async with connected(app) as (_, writer):
        writer.write(request_bytes)
        await over.wait()

    assert heard == ["http.disconnect"]
