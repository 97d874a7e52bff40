"""How answers are framed."""

import asyncio
from typing import Any

import pytest

from gateway.serving.http_connection import HttpConnection
from tests.integration.gateway.serving.apps import GET, LAST, WAIT, App, body, length, start
from tests.integration.gateway.serving.server import connected, read_chunk, read_head


class Recorded:
    """A transport that keeps what is written to it."""

    def __init__(self, transport: Any, written: list[bytes]) -> None:
        self._transport = transport
        self._written = written

    def write(self, data: bytes) -> None:
        self._written.append(data)
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


@pytest.mark.parametrize("request_bytes", [GET, GET.replace(b"GET", b"HEAD")])
async def test_an_answer_with_a_length_is_one_write(request_bytes: bytes) -> None:
    written: list[bytes] = []

    class Recording(HttpConnection):
        def connection_made(self, transport: Any) -> None:
            recorded: Any = Recorded(transport, written)
            super().connection_made(recorded)

    async with connected(App(start(length(2)), body(b"hi")), Recording) as (reader, writer):
        writer.write(request_bytes)
        await read_head(reader)

    assert len(written) == 1


async def test_the_head_of_a_stream_comes_before_its_body() -> None:
    app = App(start(), WAIT, body(b"a", True), body())
    async with connected(app) as (reader, writer):
        writer.write(GET)
        head = await read_head(reader)
        app.gate.set()
        chunk, last = await read_chunk(reader), await reader.readexactly(5)

    assert b"\r\ntransfer-encoding: chunked\r\n" in head
    assert (chunk, last) == (b"a", b"0\r\n\r\n")


# RFC 9110, sections 6.4.1, 9.3.2 and 15.3.5.
@pytest.mark.parametrize(
    ("method", "status", "headers"),
    [("HEAD", 200, [length(5)]), ("HEAD", 200, []), ("GET", 204, []), ("GET", 304, []), ("GET", 304, [length(5)])],
)
async def test_an_answer_that_has_no_body_is_only_a_head(method: str, status: int, headers: Any) -> None:
    async with connected(App(start(*headers, status=status), body(b"hello"))) as (reader, writer):
        writer.write(GET.replace(b"GET", method.encode()) + LAST.replace(b"GET", method.encode()))
        answer = await reader.read()

    assert answer.count(b"HTTP/1.1 ") == 2
    assert b"hello" not in answer
    assert b"transfer-encoding" not in answer


@pytest.mark.parametrize(
    "header",
    [
        (b"x", b"a\r\nset-cookie: b"), (b"x", b"a\nb"), (b"x", b"a\rb"), (b"x", b"a\0b"), (b"x", b"\x7f"),
        (b"x: y\r\nz", b"a"), (b"x y", b"a"), (b"", b"a"), (b"x:", b"a"), (b"content-length", b"+2"),
        (b"content-length", b"2, 2"),
    ],
)  # fmt: skip
async def test_a_header_that_would_break_the_head_is_never_sent(header: tuple[bytes, bytes]) -> None:
    app = App(start(header), body(b"hi"))
    async with connected(app) as (reader, writer):
        writer.write(GET)
        answer = await reader.read()

    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"\r\n%b: %b" % header not in answer
    assert app.failure is not None


async def test_a_header_may_have_any_visible_byte_and_a_tab() -> None:
    value = bytes([9, *range(32, 127), *range(128, 256)])
    async with connected(App(start((b"X-Any", b"a" + value + b"z"), length(0)), body())) as (reader, writer):
        writer.write(LAST)
        answer = await reader.read()

    assert b"\r\nx-any: a" + value + b"z\r\n" in answer


@pytest.mark.parametrize("told", [1, 3])
@pytest.mark.parametrize("pieces", [[b"hi"], [b"h", b"i"]])
async def test_a_body_of_another_length_than_told_ends_the_connection(told: int, pieces: list[bytes]) -> None:
    app = App(start(length(told)), *[body(piece, True) for piece in pieces[:-1]], body(pieces[-1]))
    async with connected(app) as (reader, writer):
        writer.write(GET + GET)
        answer = await reader.read()

    # What was not begun can still be told; what was begun breaks off.
    assert answer.startswith(b"HTTP/1.1 500 ") if len(pieces) == 1 else answer.endswith(b"\r\n\r\nh")
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    ("events", "end"),
    [([], b'{"code":13,"message":"Internal server error"}'), ([start(), body(b"hi", True)], b"\r\n2\r\nhi\r\n")],
)
async def test_an_application_that_ends_too_early_ends_the_connection(events: Any, end: bytes) -> None:
    async with connected(App(*events)) as (reader, writer):
        writer.write(GET)
        answer = await reader.read()

    assert answer.endswith(end)


@pytest.mark.parametrize(
    ("request_bytes", "headers"),
    [
        (LAST, []),
        (GET, [(b"connection", b"Close")]),
        (GET, [(b"connection", b"a, close")]),
        (GET.replace(b"1.1", b"1.0"), []),
    ],
)
async def test_a_connection_ends_after_the_last_answer(request_bytes: bytes, headers: Any) -> None:
    """RFC 9112, section 9.6."""
    app = App(start(*headers, length(2)), body(b"hi"))
    async with connected(app) as (reader, writer):
        writer.write(request_bytes + GET)
        answer = await reader.read()

    assert b"connection: " in answer
    assert answer.endswith(b"\r\n\r\nhi")
    assert len(app.scopes) == 1


async def test_trailers_may_come_in_several_events() -> None:
    trailers = [
        {"type": "http.response.trailers", "headers": [(b"a", b"b")], "more_trailers": True},
        {"type": "http.response.trailers", "headers": [(b"c", b"d")]},
    ]
    app = App(start(trailers=True), body(b"hi"), *trailers)
    async with connected(app) as (reader, writer):
        writer.write(GET.replace(b"Host", b"TE: trailers\r\nHost") + LAST)
        await read_head(reader)
        assert await read_chunk(reader) == b"hi"
        rest = await reader.readuntil(b"\r\n\r\n")
        await read_head(reader)

    assert rest == b"0\r\na: b\r\nc: d\r\n\r\n"
    assert "http.response.trailers" in app.scopes[0]["extensions"]
    assert "extensions" not in app.scopes[1]


async def test_a_slow_reader_holds_up_the_application() -> None:
    app = App(start(), *[body(bytes(100_000), True)] * 1000, body())
    async with connected(app) as (reader, writer):
        writer.write(LAST)
        await read_head(reader)
        waits = asyncio.create_task(app.over.wait())
        done, _ = await asyncio.wait([waits], timeout=0.5)
        assert not done

        while await reader.read(1_000_000):
            pass
        await waits
