"""Streams over a real connection, where ASGI alone cannot show it: uvicorn on one side, a socket on the other."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Close
from websockets.typing import Subprotocol

from gateway.__main__ import StoppingServer
from gateway.serving.http_connection import HttpConnection
from gateway.serving.socket_connection import SocketConnection
from tests.patience import PATIENCE

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


async def post(port: int, target: str) -> tuple[Reader, Writer]:
    """Begin a request whose body follows in chunks."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST {target} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
    writer.write(head.encode() + b"Content-Type: application/x-ndjson\r\n\r\n")
    return reader, writer


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def until(reader: Reader, end: bytes) -> bytes:
    return await asyncio.wait_for(reader.readuntil(end), PATIENCE)


async def test_a_conversation_goes_both_ways_in_one_request(port: int) -> None:
    """RFC 9112, section 9.3, lets a response begin before the request has ended."""
    reader, writer = await post(port, "/v1/rooms/red/chat")

    writer.write(chunk(b'{"text":"a"}\n'))
    head = await until(reader, b"\r\n\r\n")
    first = await until(reader, b"}\n")
    writer.write(chunk(b'{"text":"b"}\n'))
    second = await until(reader, b"}\n")
    writer.write(chunk(b""))
    rest = await until(reader, b"0\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 200 ")
    assert first.endswith(b'{"number":1,"text":"red : a"}\n')
    assert second.endswith(b'{"number":2,"text":"red : b"}\n')
    assert rest == b"\r\n0\r\n\r\n"
    writer.close()


async def test_a_wrong_message_is_told_in_the_same_answer(port: int) -> None:
    reader, writer = await post(port, "/v1/rooms/red/chat")
    writer.write(chunk(b'{"text":"a"}\n'))
    await until(reader, b"}\n")

    writer.write(chunk(b"nonsense\n"))

    assert b'{"error":{"code":3,"message":"message 2: body must be valid JSON' in await until(reader, b"0\r\n\r\n")
    writer.close()


def socket_to(port: int, target: str, **options: Any) -> connect:
    return connect(f"ws://127.0.0.1:{port}{target}", **options)


async def say(socket: ClientConnection, *messages: Any) -> None:
    for message in messages:
        await socket.send(json.dumps(message))


async def test_a_socket_opens_talks_and_closes(port: int) -> None:
    async with socket_to(port, "/v1/rooms/red/chat") as socket:
        await say(socket, {"text": "a"})
        assert json.loads(await socket.recv()) == {"number": 1, "text": "red : a"}
        await socket.send("")
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1000


async def test_a_token_in_the_subprotocol_is_agreed_on(port: int) -> None:
    protocols = [Subprotocol("bearer"), Subprotocol("abc.def")]

    async with socket_to(port, "/v1/greetings/ann", subprotocols=protocols) as socket:
        assert socket.subprotocol == "bearer"
        assert "authorization=Bearer abc.def" in json.loads(await socket.recv())["seen"]


async def test_the_query_of_a_handshake_stays_out_of_the_log(port: int, caplog: Any) -> None:
    with caplog.at_level(logging.DEBUG):
        async with socket_to(port, "/v1/rooms/red/listen?author=secret"):
            pass

    assert not [record for record in caplog.records if "uvicorn" in record.pathname and "secret" in record.getMessage()]


async def test_a_program_that_stops_ends_conversations_with_a_word(client: Any) -> None:
    config = uvicorn.Config(client.app, port=0, http=HttpConnection, ws=SocketConnection, log_config=None)
    server = StoppingServer(config, client.app)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)

    async with socket_to(server.servers[0].sockets[0].getsockname()[1], "/v1/rooms/red/chat") as socket:
        await socket.send('{"text":"a"}')
        await socket.recv()
        server.should_exit = True
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), PATIENCE)
    await asyncio.wait_for(serving, PATIENCE)

    # RFC 6455, section 7.4.1: 1001 is "going away", such as a server going down.
    assert closed.value.rcvd == Close(1001, "The server is stopping.")


async def test_a_refused_handshake_is_no_error_of_ours(port: int, caplog: Any) -> None:
    with caplog.at_level(logging.INFO), pytest.raises(InvalidStatus) as refused:
        await socket_to(port, "/v1/nowhere")
    # The task that refused goes on for a moment; after another handshake it is through.
    async with socket_to(port, "/v1/greetings/ann"):
        pass

    assert refused.value.response.status_code == 404
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


async def test_a_wrong_frame_is_told_before_the_close(port: int) -> None:
    async with socket_to(port, "/v1/rooms/red/chat") as socket:
        await socket.send(b"\x00")
        error = json.loads(await socket.recv())["error"]
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()

    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1003, error["message"])


@asynccontextmanager
async def request_in_progress(port: int, body: bytes) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """A conversation over HTTP that has sent `body`; yields what breaks it off."""
    _, writer = await post(port, "/v1/rooms/red/chat")
    for line in body.splitlines(keepends=True):
        writer.write(chunk(line))

    async def leave() -> None:
        writer.transport.abort()

    yield leave


@asynccontextmanager
async def socket_in_progress(port: int, body: bytes) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """The same over a WebSocket."""
    socket = await socket_to(port, "/v1/rooms/red/chat")
    for line in body.splitlines():
        await socket.send(line.decode())

    async def leave() -> None:
        socket.transport.abort()

    yield leave


QUIET = b'{"text":"quiet"}\n'
DEAF = b'{"text":"deaf"}\n'


@pytest.mark.parametrize("in_progress", [request_in_progress, socket_in_progress])
@pytest.mark.parametrize(
    "body",
    [
        QUIET,
        DEAF,
        # More than the gateway reads ahead, so that it reads no more when the client leaves. HTTP/2 takes some of it.
        DEAF + (b'{"text":"' + b"x" * 900 + b'"}\n') * 300,
    ],
    ids=["waiting", "deaf", "full"],
)
async def test_a_client_that_leaves_cancels_the_call(port: int, talker: Any, in_progress: Any, body: bytes) -> None:
    async with in_progress(port, body) as leave:
        await asyncio.wait_for(talker.reached.wait(), PATIENCE)
        # What else is on its way may come to a stand.
        await asyncio.sleep(0.3)

        await leave()
        await asyncio.wait_for(talker.over.wait(), PATIENCE)


async def standstill(talker: Any) -> None:
    """Wait until no more messages of 10,000 bytes are written: those before fill buffers of the kernel, some MB."""
    before = -1
    while talker.written != before:
        before = talker.written
        assert before * 10_000 < 32 * 1024 * 1024
        await asyncio.sleep(1)


async def test_a_slow_reader_of_a_socket_slows_the_server_down(port: int, talker: Any) -> None:
    async with socket_to(port, "/v1/counts/0?padding=10000", max_queue=1, compression=None) as socket:
        await socket.recv()
        await standstill(talker)
        socket.transport.abort()

    await asyncio.wait_for(talker.over.wait(), PATIENCE)


async def test_a_slow_reader_of_lines_slows_the_server_down(port: int, talker: Any) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1000)
    writer.write(b"GET /v1/counts/0?padding=10000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await until(reader, b"\r\n\r\n")

    await standstill(talker)
    writer.transport.abort()
    await asyncio.wait_for(talker.over.wait(), PATIENCE)


async def test_open_sockets_are_closed_when_the_gateway_stops(client: Any, port: int, talker: Any) -> None:
    async with socket_to(port, "/v1/feeds/silent") as socket:
        await asyncio.wait_for(talker.gate.wait(), PATIENCE)

        client.app.close_streams()
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), PATIENCE)

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001
    await asyncio.wait_for(talker.over.wait(), PATIENCE)


async def test_a_message_in_endless_fragments_is_refused(port: int) -> None:
    """RFC 6455, section 5.4, lets fragments be empty, so that no limit of bytes ends them."""
    async with socket_to(port, "/v1/rooms/red/chat") as socket:

        async def fragments() -> AsyncIterator[str]:
            while True:
                yield ""

        with pytest.raises(ConnectionClosed) as closed:
            await socket.send(fragments())

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008
    assert closed.value.rcvd.reason == "a message must have at most 4096 frames"


async def test_a_message_may_come_in_some_fragments(port: int) -> None:
    async with socket_to(port, "/v1/rooms/red/chat") as socket:
        await socket.send(iter(['{"text":', *([" "] * 500), '"a"}']))

        assert json.loads(await socket.recv()) == {"number": 1, "text": "red : a"}
