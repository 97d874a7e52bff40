"""Streams of requests in the body of an HTTP request, with one answer or answers in between."""

import asyncio
from typing import Any

import orjson
import pytest

from tests.patience import PATIENCE

LINES = {"Content-Type": "application/x-ndjson"}
JSON = {"Content-Type": "application/json"}


def more(conversation: Any, body: bytes, *, last: bool = False) -> None:
    """Send the next piece of the body."""
    conversation.incoming.put_nowait({"type": "http.request", "body": body, "more_body": not last})


async def finished(conversation: Any) -> tuple[int, bytes]:
    """Status and the rest of the body."""
    await conversation.done()
    events = [conversation.events.get_nowait() for _ in range(conversation.events.qsize())]
    return events[0]["status"], b"".join(event.get("body", b"") for event in events)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (LINES, b'{"number":1}\n{"number":"2"}\n'),
        (LINES, b'{"number":1}\r\n\n{"number":2}'),
        # In a row, as grpc-gateway takes them.
        (JSON, b'{"number":1}{"number":2}'),
        ({}, b'{"number":\n1}\n{"number":2}\n'),
        # As an array, as Envoy takes them.
        (JSON, b'[{"number":1},{"number":2}]'),
    ],
)
@pytest.mark.parametrize("size", [1, 5, 1000])
async def test_messages_come_as_lines_in_a_row_or_as_an_array(
    client: Any, headers: dict[str, str], body: bytes, size: int
) -> None:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]

    conversation = client.open("POST", "/v1/sums/s", headers=headers, pieces=pieces)

    status, answer = await finished(conversation)
    assert (status, orjson.loads(answer)) == (200, {"name": "s", "sum": "3", "count": 2})


@pytest.mark.parametrize(("headers", "body"), [(LINES, b""), (LINES, b"\n"), (JSON, b""), (JSON, b"[]")])
async def test_an_empty_body_is_a_stream_without_messages(
    client: Any, talker: Any, headers: dict[str, str], body: bytes
) -> None:
    answer = await client.request("POST", "/v1/sums/s", body=body, headers=headers)

    assert (answer.status, answer.json()) == (200, {})
    assert talker.ended == 1


async def test_each_message_is_the_body_field_where_the_binding_names_one(client: Any) -> None:
    answer = await client.request("PUT", "/v1/sentences/s", body=b'"one"\n"two"\n', headers=LINES)

    assert (answer.status, answer.json()) == (200, "s/one s/two")


async def test_a_stream_of_requests_without_body_is_one_request(client: Any) -> None:
    """What path and query say is all there is, so that a browser's EventSource can open the stream too."""
    answer = await client.request("GET", "/v1/rooms/red/listen?author=ann&text=hi")

    assert (answer.status, answer.body) == (200, b'{"number":1,"text":"red ann: hi"}\n')


async def test_answers_come_while_requests_still_do(client: Any, talker: Any) -> None:
    conversation = client.open("POST", "/v1/rooms/red/chat", pieces=[b'{"text":"a"}\n'], finished=False)
    assert (await conversation.next())["status"] == 200
    assert orjson.loads(await conversation.next_body()) == {"number": 1, "text": "red : a"}

    more(conversation, b'{"text":"b"}\n{"text":')
    assert orjson.loads(await conversation.next_body()) == {"number": 2, "text": "red : b"}
    more(conversation, b'"c"}\n', last=True)
    assert orjson.loads(await conversation.next_body()) == {"number": 3, "text": "red : c"}

    await conversation.done()
    assert conversation.events.get_nowait() == {"type": "http.response.body", "body": b""}
    assert talker.ended == 1


async def test_answers_to_a_stream_of_requests_may_be_events(client: Any) -> None:
    headers = {**LINES, "Accept": "text/event-stream"}

    answer = await client.request("POST", "/v1/rooms/red/chat", body=b'{"text":"a"}\n', headers=headers)

    assert answer.body == b'data: {"number":1,"text":"red : a"}\n\n'


async def test_the_server_may_end_before_the_client(client: Any) -> None:
    conversation = client.open("POST", "/v1/rooms/red/chat", pieces=[b'{"text":"bye"}\n'], finished=False)

    assert await finished(conversation) == (200, b"")


async def test_a_deadline_in_the_middle_is_told_in_the_words_of_grpc(client: Any) -> None:
    headers = {**LINES, "Grpc-Timeout": "500m"}
    conversation = client.open(
        "POST", "/v1/rooms/red/chat", pieces=[b'{"text":"a"}\n'], finished=False, headers=headers
    )

    status, body = await finished(conversation)

    assert status == 200
    assert body.splitlines()[1] == b'{"error":{"code":4,"message":"Deadline Exceeded"}}'


async def test_nobody_waits_for_requests_of_a_call_that_is_over(client: Any) -> None:
    """Over a channel it is grpc that takes the requests, in a task of its own."""
    before = asyncio.all_tasks()
    conversation = client.open("POST", "/v1/rooms/red/chat", pieces=[b'{"text":"bye"}\n'], finished=False)
    await finished(conversation)

    async with asyncio.timeout(5):
        # Tasks of grpc end in their own time.
        while any("request_iterator" in repr(task) for task in asyncio.all_tasks() - before):
            await asyncio.sleep(0.01)


async def test_a_refused_stream_of_requests_is_answered_before_its_end(client: Any) -> None:
    conversation = client.open("POST", "/v1/sums/s", pieces=[b'{"number":404}\n'], finished=False)

    status, body = await finished(conversation)
    assert (status, orjson.loads(body)) == (404, {"code": 5, "message": "no such number"})


BROKEN = [
    (JSON, b'{"number":', "the body ends in the middle of a message", 400),
    (LINES, b'{"number":\n', "message 2: body must be valid JSON", 400),
    (JSON, b"[]", "message 2: body must be ", 400),
    (JSON, b'{"number":"many"}', "message 2: number must be an integer", 400),
    (LINES, b'{"colour":1}', "message 2: colour is not a known field", 400),
    (LINES, b'{"name":"\xff"}', "message 2: body must be", 400),
    (JSON, b'{"name":' + b"[" * 900, "the body ends", 400),
    (JSON, b",", "the body must have a message where it has ,", 400),
    (LINES, b'{"name":"' + b"x" * 1000, "a message must be at most 1000 bytes", 413),
    (JSON, b'{"name":"' + b"x" * 1000, "a message must be at most 1000 bytes", 413),
]


@pytest.mark.parametrize(("headers", "broken", "sentence", "expected"), BROKEN)
async def test_a_wrong_message_is_refused_and_cancels_the_call(
    client: Any,
    talker: Any,
    shows_cancellation: bool,
    headers: dict[str, str],
    broken: bytes,
    sentence: str,
    expected: int,
) -> None:
    pieces = [b'{"number":1}\n', broken]

    conversation = client.open("POST", "/v1/sums/s", headers=headers, pieces=pieces)

    status, body = await finished(conversation)
    assert (status, orjson.loads(body)["message"][: len(sentence)]) == (expected, sentence)
    # The servicer must not take it for the end of the stream.
    assert talker.ended == 0 or not shows_cancellation


@pytest.mark.parametrize(
    ("accept", "frame"),
    [("*/*", b'{"error":{"code":3,"message":"message 2: %s"'), ("text/event-stream", b'event: error\ndata: {"code":3')],
)
async def test_a_wrong_message_after_the_first_answer_is_told_in_the_stream(
    client: Any, talker: Any, shows_cancellation: bool, accept: str, frame: bytes
) -> None:
    headers = {**LINES, "Accept": accept}
    conversation = client.open(
        "POST", "/v1/rooms/red/chat", headers=headers, pieces=[b'{"text":"a"}\n'], finished=False
    )
    assert (await conversation.next())["status"] == 200
    await conversation.next_body()

    more(conversation, b'{"text":1}\n')
    last = await conversation.next_body()

    assert last.startswith(frame.partition(b"%s")[0])
    await conversation.done()
    assert conversation.events.get_nowait() == {"type": "http.response.body", "body": b""}
    await asyncio.wait_for(talker.over.wait(), PATIENCE)
    assert talker.ended == 0 or not shows_cancellation


async def test_a_wrong_query_is_refused_before_the_call(client: Any, talker: Any) -> None:
    answer = await client.request("POST", "/v1/rooms/red/chat?color=red", body=b"", headers=LINES)

    assert (answer.status, answer.json()["message"]) == (400, "color is not a known parameter")


async def test_a_stream_may_be_longer_than_the_limit_of_one_message(client: Any) -> None:
    answer = await client.request("POST", "/v1/sums/s", body=b'{"number":1}\n' * 5000, headers=LINES)

    assert answer.json() == {"name": "s", "sum": "5000", "count": 5000}


@pytest.mark.parametrize(
    ("target", "body", "whole"),
    [
        # The servicer waits for the next message.
        ("/v1/rooms/red/chat", b'{"text":"quiet"}\n', False),
        ("/v1/sums/s", b'{"number":1}\n', False),
        # It takes no more messages, which are in the middle, or at their end.
        ("/v1/rooms/red/chat", b'{"text":"deaf"}\n{"text":"more"}\n', False),
        ("/v1/rooms/red/chat", b'{"text":"deaf"}\n{"text":"more"}\n', True),
        ("/v1/sums/s", b'{"number":99}\n{"number":1}\n', False),
        ("/v1/sums/s", b'{"number":99}\n{"number":1}\n', True),
    ],
)
async def test_a_client_that_leaves_cancels_the_call(
    client: Any, talker: Any, shows_cancellation: bool, target: str, body: bytes, whole: bool
) -> None:
    conversation = client.open("POST", target, headers=LINES, pieces=[body], finished=whole)
    await asyncio.wait_for(talker.reached.wait(), PATIENCE)

    conversation.leave()
    await conversation.done()
    await asyncio.wait_for(talker.over.wait(), PATIENCE)

    assert talker.ended == 0 or not shows_cancellation


async def test_messages_are_read_only_as_fast_as_the_server_takes_them(client: Any, talker: Any) -> None:
    pieces = [b'{"text":"deaf"}\n', *[b'{"text":"' + b"x" * 900 + b'"}\n'] * 20_000]

    conversation = client.open("POST", "/v1/rooms/red/chat", headers=LINES, pieces=pieces)
    await asyncio.wait_for(talker.gate.wait(), PATIENCE)
    await asyncio.sleep(0.2)

    # 64 KiB wait in the gateway; over a channel the windows of HTTP/2 add what they have, some MB at most.
    assert conversation.incoming.qsize() > 10_000
    conversation.task.cancel()


async def test_bytes_go_both_ways_as_they_are(client: Any, talker: Any) -> None:
    headers = {"Content-Type": "image/png"}
    conversation = client.open("POST", "/v1/echoes/e", headers=headers, pieces=[b"\x00\xff", b"more"])

    start = await conversation.next()
    _, body = await finished_body(conversation)

    assert (b"content-type", b"image/png") in start["headers"]
    assert body == b"\x00\xffmore"
    assert talker.heard == ["e", ""]


async def test_bytes_may_be_the_whole_request_and_a_field_of_the_answer(client: Any) -> None:
    headers = {"Content-Type": "image/png"}
    conversation = client.open("POST", "/v1/relay", headers=headers, pieces=[b"\x00\xff", b"more"])

    start = await conversation.next()
    _, body = await finished_body(conversation)

    assert (b"content-type", b"image/png") in start["headers"]
    assert body == b"\x00\xffmore"


async def finished_body(conversation: Any) -> tuple[None, bytes]:
    await conversation.done()
    events = [conversation.events.get_nowait() for _ in range(conversation.events.qsize())]
    return None, b"".join(event.get("body", b"") for event in events)
