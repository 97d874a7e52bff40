"""What only a real connection shows: pieces that arrive one by one, and trailers. Over uvicorn and a socket."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from gateway.http_connection import HttpConnection


@asynccontextmanager
async def connected(asker: Any) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to the gateway of `asker`."""
    config = uvicorn.Config(asker.app, port=0, http=HttpConnection, log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    reader, writer = await asyncio.open_connection(*server.servers[0].sockets[0].getsockname())
    try:
        async with asyncio.timeout(20):
            yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()
        server.should_exit = True
        await serving


def request(path: str, *lines: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *lines, "", ""]).encode()


async def read_head(reader: asyncio.StreamReader) -> bytes:
    return (await reader.readuntil(b"\r\n\r\n")).lower()


async def read_chunk(reader: asyncio.StreamReader) -> bytes:
    size = int(await reader.readuntil(b"\r\n"), 16)
    return (await reader.readexactly(size + 2))[:-2] if size else b""


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
