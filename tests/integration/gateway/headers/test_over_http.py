"""What only a real connection shows: pieces that arrive one by one, and trailers. Over uvicorn and a socket."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.serving.http_connection import HttpConnection
from gateway.serving.refusals import MAX_HEAD_BYTES
from tests.integration.gateway.serving import server
from tests.integration.gateway.serving.server import connected_to, read_chunk, read_head, served


@asynccontextmanager
async def connected(
    asker: Any, connection: type[HttpConnection] = HttpConnection, **options: Any
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to the gateway of `asker`. `options` are uvicorn's."""
    async with server.connected(asker.app, connection, **options) as streams:
        yield streams


def request(path: str, *lines: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *lines, "", ""]).encode()


@pytest.mark.parametrize("accept", ["text/event-stream", "application/x-ndjson"])
async def test_a_compressed_message_is_not_held_back(asker: Any, servicer: Any, accept: str) -> None:
    async with connected(asker) as (reader, writer):
        writer.write(request("/repeat?text=gated&times=2", f"Accept: {accept}", "Accept-Encoding: gzip"))
        head = await read_head(reader)
        decoder = zlib.decompressobj(31)

        first = decoder.decompress(await read_chunk(reader))
        servicer.gate.set()
        second = decoder.decompress(await read_chunk(reader))

    assert b"\r\ncontent-encoding: gzip\r\n" in head
    assert b"gated 0" in first
    assert b"gated 1" in second


# RFC 9112, section 7.1.2.
@pytest.mark.parametrize("path", ["/say", "/repeat"])
async def test_trailers_follow_the_last_chunk_and_the_connection_goes_on(open_echo: Any, path: str) -> None:
    asker = open_echo(exposed_metadata=("checksum",))
    asked = request(f"{path}?trailing=checksum:%20c", "TE: trailers")

    async with connected(asker) as (reader, writer):
        for _ in range(2):
            writer.write(asked)
            head = await read_head(reader)
            chunk = await read_chunk(reader)
            last = await reader.readuntil(b"\r\n\r\n")

            assert b"\r\ntransfer-encoding: chunked\r\n" in head
            assert chunk.startswith(b"{")
            assert last == b"0\r\ngrpc-trailer-checksum: c\r\n\r\n"


async def test_a_stream_without_trailing_metadata_ends_as_usual_for_who_takes_trailers(asker: Any) -> None:
    async with connected(asker) as (reader, writer):
        writer.write(request("/repeat", "TE: trailers", "Connection: close"))
        rest = await reader.read()

    assert rest.endswith(b"\r\n0\r\n\r\n")


# RFC 9112, section 6.1: no transfer coding for a client of HTTP/1.0; section 6.3: the connection's end is the body's.
@pytest.mark.parametrize("path", ["/repeat", "/download"])
async def test_a_client_of_http_1_0_gets_no_chunks(asker: Any, path: str) -> None:
    same = await asker.ask("GET", path, query={"text": "a", "times": 2})

    async with connected(asker) as (reader, writer):
        writer.write(f"GET {path}?text=a&times=2 HTTP/1.0\r\n\r\n".encode())
        head = await read_head(reader)
        body = await reader.read()

    assert b"transfer-encoding" not in head
    assert b"\r\nconnection: close\r\n" in head
    assert body == same.body


async def test_a_body_of_known_length_is_the_same_for_http_1_0(asker: Any) -> None:
    async with connected(asker) as (reader, writer):
        writer.write(b"HEAD /say HTTP/1.0\r\n\r\n")
        length = await reader.read()
    async with connected(asker) as (reader, writer):
        writer.write(b"GET /say HTTP/1.0\r\n\r\n")
        head = await read_head(reader)
        body = await reader.read()

    assert f"content-length: {len(body)}\r\n".encode() in head
    assert length.lower().endswith(b"connection: close\r\n\r\n")


async def test_trailers_of_a_request_are_no_headers(asker: Any) -> None:
    """RFC 9110, section 6.5.1: a proxy may have checked the headers, and nobody the trailers."""
    body = b'{"text":"a"}'
    async with connected(asker) as (reader, writer):
        writer.write(
            b"POST /say HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\nX-Request-ID: of-the-trailer\r\n\r\n"
            % (len(body), body)
        )
        answer = await reader.read()

    assert answer.startswith(b"HTTP/1.1 ")
    assert b"of-the-trailer" not in answer


CHUNKED = b"POST /say HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


# RFC 6585, section 5.
@pytest.mark.parametrize(
    ("beginning", "more"),
    [
        (b"GET /", b"a" * 1000),
        (b"GET / HTTP/1.1\r\n", b"A: b\r\n" * 100),
        (b"GET / HTTP/1.1\r\nA: ", b"a" * 1000),
        (CHUNKED + b"0\r\nA: ", b"a" * 1000),
        (CHUNKED + b"0\r\n", b"A: b\r\n" * 100),
        (CHUNKED + b"1;a=", b"a" * 1000),
    ],
)
async def test_what_is_no_body_must_come_to_an_end(asker: Any, beginning: bytes, more: bytes) -> None:
    async with connected(asker) as (reader, writer):
        writer.write(beginning)
        await asyncio.sleep(0.05)
        writer.write(more * (MAX_HEAD_BYTES // len(more) + 1))
        answer = await reader.read()

    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"the request line and headers must have at most 65536 bytes together" in answer


async def test_an_answer_that_has_begun_breaks_off_instead(asker: Any, servicer: Any) -> None:
    async with connected(asker) as (reader, writer):
        writer.write(request("/repeat?text=gated&times=2"))
        await read_head(reader)
        await read_chunk(reader)
        writer.write(b"nonsense\r\n\r\n")
        rest = await reader.read()

    assert rest == b""


async def test_a_body_in_many_small_chunks_is_no_head(asker: Any) -> None:
    chunks = [b"1\r\n \r\n"] * MAX_HEAD_BYTES
    async with connected(asker) as (reader, writer):
        writer.write(CHUNKED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + b"".join(chunks) + b"0\r\n\r\n")
        answer = await reader.read()

    assert not answer.startswith(b"HTTP/1.1 431 ")


async def test_a_head_that_never_ends_is_not_waited_for(asker: Any) -> None:
    class Impatient(HttpConnection):
        head_seconds = 0.1

    async with connected(asker, Impatient) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: loc")
        rest = await reader.read()

    assert rest == b""


async def test_a_connection_that_asks_nothing_is_closed(asker: Any) -> None:
    async with connected(asker, timeout_keep_alive=0.1) as (reader, _):
        rest = await reader.read()

    assert rest == b""


async def test_a_slow_body_is_waited_for(asker: Any) -> None:
    class Impatient(HttpConnection):
        head_seconds = 0.1

    async with connected(asker, Impatient, timeout_keep_alive=0.1) as (reader, writer):
        writer.write(CHUNKED)
        await asyncio.sleep(0.3)
        writer.write(b"2\r\n{}\r\n0\r\n\r\n")
        head = await read_head(reader)

    assert head.startswith(b"http/1.1 ")


async def test_more_at_once_than_allowed_are_refused(asker: Any) -> None:
    async with connected(asker, limit_concurrency=1) as (reader, writer):
        writer.write(request("/say"))
        answer = await reader.read()

    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nx-request-id: " in answer
    assert answer.endswith(b'{"code":14,"message":"too many requests are being answered"}')


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
async def test_a_server_that_stops_answers_in_our_shape_what_it_cannot_wait_for(asker: Any, method: bytes) -> None:
    async with served(asker.app, timeout_graceful_shutdown=1) as running, connected_to(running) as (reader, writer):
        writer.write(method + b" /say?waitMilliseconds=60000 HTTP/1.1\r\nHost: a\r\n\r\n")
        while not running.server_state.tasks:
            await asyncio.sleep(0.01)
        running.should_exit = True
        head, _, text = (await reader.read()).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nx-request-id: " in head
    assert text == (b"" if method == b"HEAD" else b'{"code":14,"message":"the server is stopping"}')
