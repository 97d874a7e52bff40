"""Calls over WebSockets. No standard says how gRPC looks there; docs/how_to/gateway.md says how it looks here."""

import asyncio
from typing import Any

import pytest

from tests.patience import PATIENCE


async def test_each_text_frame_is_a_request_and_each_answer_a_text_frame(connect: Any, talker: Any) -> None:
    socket = await connect("/v1/rooms/red/chat").opened()

    socket.say({"text": "one", "author": "ann"})
    first = await socket.hear()
    socket.say({"text": "two"})
    second = await socket.hear()
    socket.say("")

    assert first == {"number": 1, "text": "red ann: one"}
    assert second == {"number": 2, "text": "red : two"}
    # An empty text frame ends the client's side; the server ends its own.
    assert await socket.closed() == (1000, "")
    assert talker.ended == 1


async def test_the_path_wins_over_every_frame(connect: Any) -> None:
    """http.proto, "Rules for HTTP mapping": leaf fields of the path are bound by it, whatever a body says."""
    socket = await connect("/v1/rooms/red/chat").opened()

    socket.say({"room": "blue", "text": "a"}, {"room": "green", "text": "b"})

    assert [(await socket.hear())["text"] for _ in range(2)] == ["red : a", "red : b"]
    socket.leave()


async def test_query_parameters_hold_for_every_frame_of_a_binding_without_body(connect: Any) -> None:
    socket = await connect("/v1/rooms/red/listen?author=ann").opened()

    socket.say({"text": "a"}, {"text": "b", "author": "bob"}, "")

    assert [(await socket.hear())["text"] for _ in range(2)] == ["red ann: a", "red ann: b"]
    assert await socket.closed() == (1000, "")


async def test_a_stream_of_requests_with_one_answer(connect: Any) -> None:
    socket = await connect("/v1/sums/s").opened()

    socket.say({"number": 1}, {"number": "41"}, "")

    assert await socket.hear() == {"name": "s", "sum": "42", "count": 2}
    assert await socket.closed() == (1000, "")


async def test_frames_are_the_body_field_where_the_binding_names_one(connect: Any) -> None:
    socket = await connect("/v1/sentences/s").opened()

    socket.say('"one"', '"two"', "")

    assert await socket.hear() == "s/one s/two"
    assert await socket.closed() == (1000, "")


@pytest.mark.parametrize(
    ("target", "frames"),
    [
        # Without a body the call starts at once.
        ("/v1/greetings/ann", ()),
        # With one the first frame is the body, on a path that is POST over HTTP.
        ("/v1/greetings", ({"name": "ann"},)),
    ],
)
async def test_one_request_and_one_answer(connect: Any, target: str, frames: Any) -> None:
    socket = await connect(target).opened()
    socket.say(*frames)

    assert (await socket.hear())["text"] == "hello ann"
    assert await socket.closed() == (1000, "")


async def test_an_empty_first_frame_is_an_empty_body(connect: Any) -> None:
    socket = await connect("/v1/greetings").opened()
    socket.say("")

    assert (await socket.hear())["text"] == "hello "


async def test_answers_of_a_server_stream_are_one_frame_each(connect: Any) -> None:
    socket = await connect("/v1/counts/3").opened()

    # `response_body` holds here too.
    assert [await socket.hear() for _ in range(3)] == ["1", "2", "3"]
    assert await socket.closed() == (1000, "")


async def test_items_data_and_end_of_the_contract_shape_the_frames(connect: Any) -> None:
    socket = await connect("/v1/feeds/f", headers={"Last-Event-ID": "7"}).opened()

    assert [await socket.hear_text() for _ in range(3)] == ["after 7", "one\ntwo", "not an error"]
    # An end is marked, so that it is not taken for an event; text is a JSON string there.
    assert await socket.hear_text() == '{"end":"\\"done\\""}'
    assert await socket.closed() == (1000, "")


async def test_bytes_are_binary_frames(connect: Any, talker: Any) -> None:
    socket = await connect("/v1/echoes/e").opened()

    socket.say(b"\x00\xff", "text too", "")

    assert [await socket.hear(), await socket.hear()] == [b"\x00\xff", b"text too"]
    assert await socket.closed() == (1000, "")
    # As over HTTP, path and query come with the first piece.
    assert talker.heard == ["e", ""]


async def test_ping_is_answered_where_the_contract_says_so(connect: Any) -> None:
    socket = await connect("/v1/feeds/silent").opened()

    socket.say("ping", "other text is ignored", "ping")

    assert [await socket.hear_text(), await socket.hear_text()] == ["pong", "pong"]
    socket.leave()
    await socket.done()


async def test_ping_is_a_request_where_the_contract_says_nothing(connect: Any) -> None:
    socket = await connect("/v1/rooms/red/chat").opened()

    socket.say("ping")

    assert (await socket.hear())["error"]["code"] == 3
    assert (await socket.closed())[0] == 1007


# Refusals before the handshake is accepted


@pytest.mark.parametrize(
    ("target", "status", "message"),
    [
        ("/v1/nowhere", 404, "Not Found"),
        # DELETE is no conversation.
        ("/v1/uncounted/3", 405, "Method Not Allowed"),
        ("/v1/counts/many", 400, "upto must be an integer"),
        ("/v1/counts/3?color=red", 400, "color is not a known parameter"),
        ("/v1/rooms/red/chat?author=ann", 400, "author is not a known parameter"),
    ],
)
async def test_a_handshake_is_refused_like_a_request(connect: Any, target: str, status: int, message: str) -> None:
    refused_with, body = await connect(target).refused()

    assert (refused_with, body["message"]) == (status, message)


async def test_a_server_that_cannot_refuse_in_words_is_told_to_close(client: Any) -> None:
    """ASGI, "WebSocket Connection Scope": a close before accept is a 403; the response extension is optional."""
    events: list[Any] = []

    async def send(event: Any) -> None:
        events.append(event)

    scope = {"type": "websocket", "path": "/nowhere", "query_string": b"", "headers": [(b"host", b"localhost")]}
    await client.app(scope, None, send)

    assert events == [{"type": "websocket.close"}]


@pytest.mark.parametrize(
    ("origin", "allowed", "opens"),
    [
        ("https://evil.example", (), False),
        ("https://evil.example", ("https://good.example",), False),
        ("null", (), False),
        ("https://good.example", ("https://good.example",), True),
        ("https://any.example", ("*",), True),
        # The page came from here; behind a proxy that ends TLS the schemes differ.
        ("http://localhost:8000", (), True),
        ("https://LOCALHOST:8000", (), True),
        # Another port is another origin (RFC 6454, section 5).
        ("http://localhost:3000", (), False),
        # Programs send no Origin.
        (None, (), True),
    ],
)
async def test_pages_of_foreign_origins_cannot_open_sockets(
    connect_with: Any, origin: str | None, allowed: tuple[str, ...], opens: bool
) -> None:
    """RFC 6455, section 10.2: browsers do not stop such pages, servers have to."""
    headers = {} if origin is None else {"Origin": origin}
    socket = connect_with(allowed_origins=allowed)("/v1/greetings/ann", headers=headers)

    if opens:
        assert (await (await socket.opened()).hear())["text"] == "hello ann"
    else:
        assert await socket.refused() == (
            403,
            {"code": 7, "message": "pages of this origin may not open a WebSocket here"},
        )


# Metadata


async def test_a_token_may_come_as_a_subprotocol(connect: Any) -> None:
    socket = connect("/v1/greetings/ann", subprotocols=("bearer", "abc.def"))

    assert (await socket.next())["subprotocol"] == "bearer"
    assert "authorization=Bearer abc.def" in (await socket.hear())["seen"]


async def test_a_header_wins_over_a_subprotocol(connect: Any) -> None:
    headers = {"Authorization": "Bearer header"}
    socket = await connect("/v1/greetings/ann", headers=headers, subprotocols=("bearer", "abc")).opened()

    assert "authorization=Bearer header" in (await socket.hear())["seen"]


async def test_other_subprotocols_are_not_answered(connect: Any) -> None:
    socket = connect("/v1/greetings/ann", subprotocols=("graphql-ws",))

    assert (await socket.next())["subprotocol"] is None


async def test_a_socket_of_this_machine_counts_as_local(connect_with: Any) -> None:
    """The page's origin has http where the socket has ws."""
    headers = {"Origin": "http://localhost:8000"}
    socket = await connect_with(listener_is_loopback=True)("/v1/greetings/ann", headers=headers).opened()

    assert "x-gateway-local=1" in (await socket.hear())["seen"]


async def test_the_deadline_is_the_callers(connect: Any) -> None:
    socket = await connect("/v1/greetings/slow", headers={"Grpc-Timeout": "100m"}).opened()

    assert (await socket.hear())["error"]["code"] == 4
    assert await socket.closed() == (1011, "DEADLINE_EXCEEDED")


async def test_a_socket_has_one_line_in_the_access_log(connect_with: Any) -> None:
    lines: list[dict[str, Any]] = []
    seen: list[Any] = []
    connect = connect_with(record=lambda **fields: lines.append(fields), observe=lambda *facts: seen.append(facts))

    socket = await connect("/v1/greetings/ann", headers={"X-Request-ID": "abc"}).opened()
    await socket.hear()
    await socket.closed()
    await connect("/v1/nowhere").refused()

    assert [(line["method"], line["path"], line["status"]) for line in lines] == [
        ("GET", "/v1/greetings/ann", 101),
        ("GET", "/v1/nowhere", 404),
    ]
    assert lines[0]["request_id"] == "abc"
    assert [fact[:2] for fact in seen] == [("/gatewaytest.talks.v1.TalkService/Greet", 101), (None, 404)]


# Errors after the handshake


@pytest.mark.parametrize("target", ["/v1/greetings/missing", "/v1/sums/s", "/v1/rooms/red/chat", "/v1/counts/101"])
async def test_an_error_is_a_frame_and_close_code_1011(connect: Any, target: str) -> None:
    socket = await connect(target).opened()
    frames: dict[str, list[Any]] = {"/v1/sums/s": [{"number": 404}], "/v1/rooms/red/chat": [{"text": "torn"}]}
    socket.say(*frames.get(target, []))

    event = await socket.next()
    while "error" not in event["text"]:
        event = await socket.next()

    assert event["text"].startswith('{"error":{"code":')
    assert (await socket.closed())[0] == 1011


async def test_a_crash_tells_nothing_but_the_request_id(connect: Any) -> None:
    socket = await connect("/v1/greetings/crash", headers={"X-Request-ID": "abc"}).opened()

    assert await socket.hear() == {"error": {"code": 13, "message": "Internal server error. Request id: abc"}}
    assert (await socket.closed())[0] == 1011


@pytest.mark.parametrize(
    ("frame", "sentence", "code"),
    [
        ('{"text":', "message 2: body must be valid JSON", 1007),
        ("[]", "message 2: body must be ", 1007),
        ({"text": 1}, "message 2: text must be a string", 1007),
        ({"colour": "red"}, "message 2: colour is not a known field", 1007),
        ('{"text":"\\ud800"}', "message 2: ", 1007),
        ("[" * 900, "message 2: ", 1007),
        (b"\x00", "binary frames are not taken here; send JSON in text frames", 1003),
        ({"text": "x" * 1000}, "a message must be at most 1000 bytes", 1009),
    ],
)
async def test_a_frame_that_is_no_request_ends_the_call(
    connect: Any, talker: Any, shows_cancellation: bool, frame: Any, sentence: str, code: int
) -> None:
    socket = await connect("/v1/rooms/red/chat").opened()
    socket.say({"text": "one"})
    await socket.hear()

    socket.say(frame)
    error = (await socket.hear())["error"]
    closed_with, reason = await socket.closed()

    assert error["message"].startswith(sentence)
    assert (closed_with, reason) == (code, error["message"])
    assert len(reason.encode()) <= 123
    await asyncio.wait_for(talker.over.wait(), PATIENCE)
    assert talker.ended == 0 or not shows_cancellation


async def test_a_wrong_first_frame_of_a_single_request_is_refused(connect: Any) -> None:
    socket = await connect("/v1/greetings").opened()

    socket.say({"name": 1})

    assert (await socket.hear())["error"]["message"] == "name must be a string"
    assert await socket.closed() == (1007, "name must be a string")


async def test_binary_frames_are_refused_also_where_nothing_is_expected(connect: Any) -> None:
    socket = await connect("/v1/feeds/silent").opened()

    socket.say(b"\x00")

    assert "binary" in (await socket.hear())["error"]["message"]
    assert (await socket.closed())[0] == 1003


# Departures


@pytest.mark.parametrize(
    ("target", "frame"),
    [
        # Nothing is read or written.
        ("/v1/feeds/silent", None),
        ("/v1/greetings/slow", None),
        # The servicer waits for the next request.
        ("/v1/rooms/red/chat", {"text": "quiet"}),
        # The servicer takes no more requests.
        ("/v1/rooms/red/chat", {"text": "deaf"}),
        ("/v1/sums/s", {"number": 99}),
    ],
)
async def test_a_client_that_leaves_cancels_the_call(
    connect: Any, talker: Any, shows_cancellation: bool, target: str, frame: Any
) -> None:
    socket = await connect(target).opened()
    if frame is None:
        await asyncio.wait_for(talker.gate.wait(), PATIENCE)
    else:
        socket.say(frame, frame, frame)
        await asyncio.wait_for(socket.taken.wait(), PATIENCE)
        await asyncio.wait_for(talker.reached.wait(), PATIENCE)

    socket.leave()
    await socket.done()
    await asyncio.wait_for(talker.over.wait(), PATIENCE)

    assert talker.ended == 0 or not shows_cancellation


async def test_a_client_that_leaves_before_its_first_frame_makes_no_call(connect: Any, talker: Any) -> None:
    socket = await connect("/v1/greetings").opened()

    socket.leave()
    await socket.done()

    assert socket.events.empty()


async def test_open_sockets_are_closed_when_the_gateway_stops(client: Any, connect: Any, talker: Any) -> None:
    socket = await connect("/v1/rooms/red/chat").opened()
    socket.say({"text": "one"})
    await socket.hear()

    client.app.close_streams()

    # RFC 6455, section 7.4.1: 1001 is "going away", such as a server going down.
    assert await socket.closed() == (1001, "The server is stopping.")
    await asyncio.wait_for(talker.over.wait(), PATIENCE)


async def test_a_stuck_reader_is_dropped_and_its_call_ends(connect_with: Any, talker: Any, caplog: Any) -> None:
    socket = connect_with(stuck_reader_seconds=0.2)("/v1/counts/0?padding=1000")
    socket.stuck = True

    await socket.done()

    await asyncio.wait_for(talker.over.wait(), PATIENCE)
    assert "its connection is dropped" in caplog.text


# Back-pressure


async def test_frames_are_taken_only_as_fast_as_the_server_reads(connect: Any, talker: Any) -> None:
    socket = await connect("/v1/rooms/red/chat").opened()

    socket.say({"text": "deaf"}, *[{"text": "x" * 900}] * 20_000)
    await asyncio.wait_for(talker.gate.wait(), PATIENCE)
    await asyncio.sleep(0.2)

    # 64 KiB wait in the gateway; over a channel the windows of HTTP/2 add what they have, some MB at most.
    assert socket.incoming.qsize() > 10_000
    socket.task.cancel()
