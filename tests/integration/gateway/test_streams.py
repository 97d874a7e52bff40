"""Streams of answers: Server-Sent Events, lines of JSON, downloads."""

import asyncio
from typing import Any

from tests.patience import PATIENCE

SSE = {"Accept": "text/event-stream"}


async def test_events_have_ids_one_data_line_per_line_and_an_end(client: Any) -> None:
    answer = await client.request("GET", "/v1/books/b1/aloud")

    assert answer.status == 200
    assert answer.body.decode() == (
        "data: intro\n\n"
        "id: 1\ndata: one\ndata: two\ndata: three\n\n"
        "id: 2\ndata: last\n\n"
        "id: end\nevent: end\ndata: success\n\n"
    )
    assert answer.complete


async def test_event_streams_are_neither_cached_nor_buffered(client: Any) -> None:
    answer = await client.request("GET", "/v1/books/b1/aloud")

    assert {
        key: answer.headers[key] for key in ("content-type", "cache-control", "connection", "x-accel-buffering")
    } == {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache",
        "connection": "keep-alive",
        "x-accel-buffering": "no",
    }
    assert "content-length" not in answer.headers


async def test_one_message_is_one_write(client: Any) -> None:
    conversation = client.open("GET", "/v1/books/endless/aloud")

    await conversation.next()
    first = await conversation.next_body()

    assert first.count(b"\n\n") == 2
    conversation.leave()
    await conversation.done()


async def test_last_event_id_reaches_the_request(client: Any) -> None:
    answer = await client.request("GET", "/v1/books/b1/aloud", headers={"Last-Event-ID": "7"})

    assert answer.body.startswith(b"id: 9\ndata: after 7\n\n")


async def test_a_stream_that_fails_at_once_has_the_mapped_status(client: Any) -> None:
    answer = await client.request("GET", "/v1/books/missing/aloud")

    assert (answer.status, answer.json()) == (404, {"detail": "no such book"})


async def test_an_error_after_the_first_answer_is_an_event(client: Any) -> None:
    answer = await client.request("GET", "/v1/books/breaks/aloud")

    assert answer.status == 200
    assert answer.body.endswith(b'event: error\ndata: {"detail":"the page is torn"}\n\n')
    assert answer.complete


async def test_a_late_crash_tells_nothing_but_the_request_id(client: Any) -> None:
    answer = await client.request("GET", "/v1/books/crashes/aloud", headers={"X-Request-ID": "abc"})

    assert answer.body.endswith(b'event: error\ndata: {"detail":"Internal server error. Request id: abc"}\n\n')


async def test_a_silent_stream_opens_after_a_second_and_is_kept_alive(client: Any, librarian: Any) -> None:
    conversation = client.open("GET", "/v1/books/silent/aloud")

    start = await conversation.next()
    comment = await conversation.next_body()

    assert start["status"] == 200
    assert comment == b": keep-alive\n\n"
    conversation.leave()
    await conversation.done()
    await asyncio.wait_for(librarian.cancelled.wait(), PATIENCE)


async def test_a_reader_that_leaves_ends_the_call(client: Any, librarian: Any) -> None:
    conversation = client.open("GET", "/v1/books/endless/aloud")
    await conversation.next()

    conversation.leave()
    await conversation.done()

    await asyncio.wait_for(librarian.cancelled.wait(), PATIENCE)


async def test_a_stuck_reader_is_dropped_and_its_call_ends(open_gateway: Any, librarian: Any, caplog: Any) -> None:
    client = open_gateway(stuck_reader_seconds=0.2)
    conversation = client.open("GET", "/v1/books/flood/aloud")
    conversation.stuck = True
    await conversation.blocked.wait()

    await conversation.done()

    await asyncio.wait_for(librarian.cancelled.wait(), PATIENCE)
    assert "its connection is dropped" in caplog.text


async def test_open_streams_end_properly_when_the_gateway_stops(client: Any, librarian: Any) -> None:
    conversation = client.open("GET", "/v1/books/endless/aloud")
    await conversation.next()
    await conversation.next_body()

    client.app.close_streams()
    await conversation.done()

    assert conversation.events.get_nowait() == {"type": "http.response.body", "body": b""}
    await asyncio.wait_for(librarian.cancelled.wait(), PATIENCE)


async def test_open_streams_end_at_once_when_another_thread_stops_the_gateway(client: Any) -> None:
    conversation = client.open("GET", "/v1/books/endless/aloud")
    await conversation.next()
    await conversation.next_body()
    loop = asyncio.get_running_loop()

    # A loop in debug mode refuses what comes from another thread and does not wake it:
    # https://docs.python.org/3/library/asyncio-dev.html#concurrency-and-multithreading
    loop.set_debug(True)
    await asyncio.to_thread(client.app.close_streams)
    await conversation.done()

    assert conversation.events.get_nowait() == {"type": "http.response.body", "body": b""}


async def test_readers_of_shared_message_objects_all_get_every_line(client: Any, librarian: Any, classes: Any) -> None:
    response = classes["ReadAloudResponse"]
    librarian.shared = [response(lines=[response.Line(cursor=str(n), text=f"line {n}")]) for n in range(3)]

    answers = await asyncio.gather(*(client.request("GET", "/v1/books/shared/aloud") for _ in range(5)))

    start = b"id: 0\ndata: line 0\n\nid: 1\ndata: line 1\n\nid: 2\ndata: line 2\n\n"
    assert [answer.body[: len(start)] for answer in answers] == [start] * 5


async def test_lines_of_json_are_the_default(client: Any) -> None:
    answer = await client.request("GET", "/v1/books/b1/pages")

    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.body == b'{"number":1,"text":"words"}\n{"number":2,"text":"words"}\n'


async def test_accept_turns_the_same_stream_into_events(client: Any) -> None:
    answer = await client.request("GET", "/v1/books/b1/pages", headers=SSE)

    assert answer.body == b'data: {"number":1,"text":"words"}\n\ndata: {"number":2,"text":"words"}\n\n'


async def test_a_late_error_is_the_last_line(client: Any) -> None:
    answer = await client.request("GET", "/v1/books/breaks/pages")

    assert answer.body.endswith(b'\n{"error":{"detail":"the page is torn"}}\n')


async def test_a_download_is_bytes_as_they_are(client: Any) -> None:
    answer = await client.request("GET", "/v1/books/b1/pages?format=text")

    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="pages.txt"'
    assert answer.headers["content-length"] == "15"
    assert answer.body == b"page 1\npage \xff2\n"


async def test_an_empty_download_is_empty(client: Any) -> None:
    answer = await client.request("GET", "/v1/books/empty/pages?format=text")

    assert (answer.status, answer.body, answer.complete) == (200, b"", True)


async def test_a_download_that_fails_at_once_has_the_mapped_status(client: Any) -> None:
    answer = await client.request("GET", "/v1/books/missing/pages?format=text")

    assert (answer.status, answer.json()) == (404, {"detail": "no such book"})


async def test_a_download_that_breaks_off_is_left_unfinished(client: Any) -> None:
    answer = await client.request("GET", "/v1/books/breaks/pages?format=text")

    assert (answer.body, answer.complete) == (b"page 1\n", False)
    assert "content-length" not in answer.headers


async def test_head_of_a_stream_has_headers_only(client: Any) -> None:
    events = await client.request("HEAD", "/v1/books/b1/aloud")
    download = await client.request("HEAD", "/v1/books/b1/pages?format=text")

    assert (events.status, events.body) == (200, b"")
    assert (download.headers["content-type"], download.body) == ("text/plain; charset=utf-8", b"")
