"""How requests are read, and which are refused."""

import asyncio
import gc
import hashlib
import json
from typing import Any

import pytest

from gateway.serving.http_connection import SLICE_BYTES
from gateway.serving.http_request import HttpRequest
from gateway.serving.refusals import MAX_HEAD_BYTES
from gateway.serving.socket_connection import SocketConnection
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


async def test_answers_come_in_the_order_of_the_requests() -> None:
    """RFC 9112, section 9.3.2."""
    posts = b"".join(b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi" % number for number in range(2000))
    async with connected(echo_path) as (reader, writer):
        writer.write(posts + LAST)
        bodies = [(await read_answer(reader))[1] for _ in range(2001)]
        rest = await reader.read()

    assert bodies == [*(b"POST /%d? hi" % number for number in range(2000)), b"GET /last? "]
    assert rest == b""


async def test_the_same_bytes_mean_the_same_in_any_pieces() -> None:
    sent = (
        b"\r\nPOST /a?b=c HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
        b"POST /%41 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\n"
        b"A: b\r\n\r\n"
        b"GET http://a/c?d#e HTTP/1.1\r\nHost: a\r\n\r\n"
    )
    async with served(echo_path) as server:
        for at in range(len(sent) + 1):
            async with connected_to(server) as (reader, writer):
                for piece in (sent[:at], sent[at:]):
                    writer.write(piece)
                    await asyncio.sleep(0)
                bodies = [(await read_answer(reader))[1] for _ in range(3)]

            assert bodies == [b"POST /a?b=c hello", b"POST /%41? hello", b"GET /c?d "]


async def test_who_does_not_wait_for_answers_is_not_read_from() -> None:
    app = App(WAIT, start(length(0)), body())
    async with connected(app) as (_, writer):
        writer.write(GET * 500_000)
        # Buffers of the kernel take some megabytes.
        before = -1
        while not app.scopes or before != (before := writer.transport.get_write_buffer_size()):
            await asyncio.sleep(0.2)
        gc.collect()  # what earlier tests have left
        waiting = sum(isinstance(one, HttpRequest) for one in gc.get_objects())
        # What is paused does not notice that the client leaves.
        app.gate.set()

    assert before > 5_000_000
    assert 0 < waiting <= SLICE_BYTES // len(GET) + 1


async def test_a_body_nobody_reads_is_not_taken_and_comes_whole_in_the_end() -> None:
    data = bytes(range(256)) * 64 * 1024
    reading = asyncio.Event()
    digests: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await reading.wait()
            digests.append(hashlib.sha256(await read_body(receive)).hexdigest())
            await send(start(length(0)))
            await send(body())

    async with connected(app) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(data) + data + LAST)
        before = -1
        while before != (before := writer.transport.get_write_buffer_size()):
            await asyncio.sleep(0.2)
        reading.set()
        answers = await reader.read()

    assert before > 1_000_000
    assert digests == [hashlib.sha256(data).hexdigest(), hashlib.sha256(b"").hexdigest()]
    assert answers.count(b"HTTP/1.1 200 ") == 2


async def test_a_body_nobody_wants_is_skipped() -> None:
    async with connected(App(start(length(0)), body())) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n")
        await read_answer(reader)
        writer.write(b"GET /smuggled HTTP/1.1\r\n\r\n".ljust(3_000_000))
        writer.write(LAST)
        rest = await reader.read()

    assert rest.count(b"HTTP/1.1 ") == 1


EXPECTING = b"POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"


# RFC 9110, section 10.1.1.
async def test_who_waits_to_be_told_is_told_when_the_body_is_wanted() -> None:
    async with connected(echo_path) as (reader, writer):
        writer.write(EXPECTING)
        told = await read_head(reader)
        writer.write(b"hi" + GET)
        (first, data), (_, second) = await read_answer(reader), await read_answer(reader)

    assert told == b"http/1.1 100 continue\r\n\r\n"
    assert b"connection: close" not in first
    assert (data, second) == (b"POST /a? hi", b"GET /a? ")


async def test_who_does_not_wait_to_be_told_is_not_told() -> None:
    async with connected(echo_path) as (reader, writer):
        writer.write(EXPECTING + b"hi")
        head, _ = await read_answer(reader)

    assert head.startswith(b"http/1.1 200 ")


async def test_a_refused_body_is_not_asked_for() -> None:
    async with connected(App(start(length(0), status=413), body())) as (reader, writer):
        writer.write(EXPECTING)
        answer = await reader.read()

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nconnection: close\r\n" in answer


@pytest.mark.parametrize("request_bytes", [GET, EXPECTING + b"hi", EXPECTING])
async def test_an_application_is_told_that_the_client_has_left(request_bytes: bytes) -> None:
    heard: list[str] = []
    over = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send(start())
            while (event := await receive())["type"] != "http.disconnect":
                heard.append(event["type"])
            await send(body(b"to nobody"))
            over.set()

    async with served(app) as server:
        async with connected_to(server) as (reader, writer):
            writer.write(request_bytes)
            await read_head(reader)
        await over.wait()

    assert heard == ([] if request_bytes is EXPECTING else ["http.request"])


# RFC 9112, sections 2.2, 5.1, 5.2, 6.1, 6.3 and 7.1. What two parsers read in two ways is how requests are smuggled.
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"Content-Length: 36\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 36\r\n\r\n0\r\n\r\n", 400),
        (b"Content-Length: 36\r\nContent-Length: 0\r\n\r\n", 400),
        (b"Content-Length: 0, 36\r\n\r\n", 400),
        (b"Content-Length: +0\r\n\r\n", 400),
        (b"Content-Length: 0x24\r\n\r\n", 400),
        (b"Transfer-Encoding: xchunked\r\n\r\n", 501),
        (b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
        (b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        (b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501),
        (b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
        (b" Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"A: b\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"A: b\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"A: b\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n", 400),
        (b"Transfer-Encoding: chunked\r\n\r\n-0\r\n\r\n", 400),
        (b"Transfer-Encoding: chunked\r\n\r\n0 \r\n\r\n", 400),
        (b"Transfer-Encoding: chunked\r\n\r\n0\n\n", 400),
        (b"Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n\r\n", 400),
        (b"Transfer-Encoding: chunked\r\n\r\n1\r\naa\r\n0\r\n\r\n", 400),
    ],
)
async def test_what_could_be_read_in_two_ways_is_refused(head: bytes, status: int) -> None:
    app = App(start(length(0)), body(), reads=True)
    async with connected(app) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\n" + head + SMUGGLED)
        answer = await reader.read()

    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert "/smuggled" not in [scope["path"] for scope in app.scopes]
    assert app.bodies == []


@pytest.mark.parametrize("version", [b"0.9", b"1.2", b"2.0", b"3.0", b"1.10", b""])
async def test_other_versions_are_refused(version: bytes) -> None:
    app = App(start(length(0)), body())
    async with connected(app) as (reader, writer):
        writer.write(b"GET / HTTP/%b\r\nHost: a\r\n\r\n" % version)
        answer = await reader.read()

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert app.scopes == []


async def test_what_follows_the_last_trailer_is_not_lost_and_trailers_are_no_headers() -> None:
    app = App(start(length(0)), body(), reads=True)
    async with connected(app) as (reader, writer):
        chunked = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Trailer: 1\r\n\r\n"
        writer.write(chunked + LAST)
        await reader.read()

    assert [dict(scope["headers"]).keys() & {b"x-trailer"} for scope in app.scopes] == [set(), set()]


# RFC 9110, section 7.8: an upgrade may be ignored; the request is then one as any other.
@pytest.mark.parametrize(
    "framing", [b"Content-Length: 2\r\n\r\nhi", b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"]
)
async def test_an_upgrade_to_anything_but_websocket_is_ignored(framing: bytes) -> None:
    asked = b"POST /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    async with connected(echo_path) as (reader, writer):
        writer.write((asked + framing) * 500 + LAST)
        bodies = [(await read_answer(reader))[1] for _ in range(501)]

    assert bodies == [*[b"POST /a? hi"] * 500, b"GET /last? "]


# RFC 6455, section 4.1: a handshake is a GET, which has no body. The library behind uvicorn leaves these unanswered.
@pytest.mark.parametrize(
    "more",
    [
        b"Content-Length: 5\r\n\r\nhello",
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"A: %b\r\n\r\n" % (b"x" * 20_000),
        b"A: b\r\n" * 200 + b"\r\n",
    ],
)
async def test_a_handshake_that_cannot_be_read_is_refused(more: bytes) -> None:
    asked = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    app = App()
    async with connected(app, ws=SocketConnection) as (reader, writer):
        writer.write(asked + b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + more + SMUGGLED)
        answer = await reader.read()

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert app.scopes == []


@pytest.mark.parametrize("times", [0, 1, 3])
async def test_nonsense_behind_requests_is_told_behind_their_answers(times: int) -> None:
    async with connected(echo_path) as (reader, writer):
        writer.write(GET * times + b"nonsense\r\n\r\n")
        bodies = [(await read_answer(reader))[1] for _ in range(times)]
        rest = await reader.read()

    assert bodies == [b"GET /a? "] * times
    assert rest.startswith(b"HTTP/1.1 400 ")
    assert rest.endswith(b'{"code":3,"message":"the request must be valid HTTP"}')


async def test_nonsense_in_a_body_nobody_wants_is_told_behind_the_answer() -> None:
    async with connected(App(start(length(0)), body())) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        await read_answer(reader)
        writer.write(b"nonsense\r\n")
        rest = await reader.read()

    assert rest.startswith(b"HTTP/1.1 400 ")


async def test_a_head_that_is_too_large_is_refused_also_when_it_comes_whole() -> None:
    app = App(start(length(0)), body())
    for size, status in ((MAX_HEAD_BYTES - 1000, b"200"), (MAX_HEAD_BYTES, b"431")):
        async with connected(app) as (reader, writer):
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nA: %b\r\nConnection: close\r\n\r\n" % (b"a" * size))
            answer = await reader.read()

        assert answer.startswith(b"HTTP/1.1 %b " % status)


async def test_the_scope_is_that_of_asgi() -> None:
    """https://asgi.readthedocs.io/en/stable/specs/www.html#http-connection-scope"""
    app = App(start(length(0)), body())
    async with served(app, root_path="/mount") as server, connected_to(server) as (_, writer):
        here, there = writer.get_extra_info("sockname"), writer.get_extra_info("peername")
        writer.write(b"GET /a%2Fb%C3%A9?c=%20 HTTP/1.1\r\nHOST: a\r\nX-A: B\r\nx-a: C\r\n\r\n")
        await app.over.wait()
    (scope,) = app.scopes

    assert scope == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/mount/a/b\u00e9",
        "raw_path": b"/mount/a%2Fb%C3%A9",
        "query_string": b"c=%20",
        "root_path": "/mount",
        "headers": [(b"host", b"a"), (b"x-a", b"B"), (b"x-a", b"C")],
        "client": here,
        "server": there,
        "state": {},
    }


async def test_each_request_has_its_own_copy_of_the_state() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            scope["state"]["opened"] = True
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        seen.append(dict(scope["state"]))
        scope["state"]["mine"] = True
        await send(start(length(0)))
        await send(body())

    async with connected(app) as (reader, writer):
        writer.write(GET + LAST)
        await reader.read()

    assert seen == [{"opened": True}, {"opened": True}]


async def test_refusals_of_a_gateway_that_is_mounted_elsewhere_are_json() -> None:
    async with connected(echo_path) as (reader, writer):
        writer.write(b"nonsense\r\n\r\n")
        head, data = await read_answer(reader)

    assert head.startswith(b"http/1.1 400 ")
    assert json.loads(data) == {"code": 3, "message": "the request must be valid HTTP"}
