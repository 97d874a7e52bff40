"""A real server before an ASGI application, and connections to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from gateway.serving.http_connection import HttpConnection


@asynccontextmanager
async def served(
    app: Any, connection: type[HttpConnection] = HttpConnection, **options: Any
) -> AsyncIterator[uvicorn.Server]:
    """uvicorn before `app`, whose connections are of the class `connection`. `options` are uvicorn's."""
    config = uvicorn.Config(app, port=0, http=connection, log_config=None, proxy_headers=False, **options)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        async with asyncio.timeout(20):
            yield server
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def connected_to(server: uvicorn.Server) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to `server`."""
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


@asynccontextmanager
async def connected(
    app: Any, connection: type[HttpConnection] = HttpConnection, **options: Any
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server before `app`. Otherwise as `served`."""
    async with served(app, connection, **options) as server, connected_to(server) as streams:
        yield streams


async def read_head(reader: asyncio.StreamReader) -> bytes:
    return (await reader.readuntil(b"\r\n\r\n")).lower()


async def read_chunk(reader: asyncio.StreamReader) -> bytes:
    size = int(await reader.readuntil(b"\r\n"), 16)
    return (await reader.readexactly(size + 2))[:-2] if size else b""
