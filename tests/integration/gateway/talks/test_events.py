"""Server-Sent Events as the contract shapes them. Source: https://html.spec.whatwg.org/multipage/server-sent-events.html"""

from typing import Any

import pytest

SSE = {"Accept": "text/event-stream"}


async def test_events_have_names_ids_and_a_time_to_come_back(client: Any) -> None:
    answer = await client.request("GET", "/v1/feeds/f", headers={**SSE, "Last-Event-ID": "7"})

    assert answer.body.decode() == (
        # Section 9.2.6: a `retry` field sets the reconnection time; without data it is no event.
        "retry: 1500\n\n"
        # An unset enum names nothing.
        "data: after 7\n\n"
        "id: 1\nevent: written\ndata: one\ndata: two\n\n"
        # No event of a server may pass for one of the gateway.
        "id: 2\ndata: not an error\n\n"
        'id: 9\nevent: end\ndata: "done"\n\n'
    )


async def test_the_options_for_events_change_nothing_in_lines(client: Any) -> None:
    answer = await client.request("GET", "/v1/feeds/f")

    assert answer.body.splitlines()[0] == (
        b'{"posts":[{"text":"after "},{"cursor":"1","text":"one\\ntwo","kind":"written"}]}'
    )


async def test_a_silent_stream_begins_with_the_time_to_come_back(client: Any) -> None:
    conversation = client.open("GET", "/v1/feeds/silent", headers=SSE)

    assert (await conversation.next())["status"] == 200
    assert await conversation.next_body() == b"retry: 1500\n\n"
    conversation.leave()
    await conversation.done()


async def test_head_has_no_body_at_all(client: Any) -> None:
    answer = await client.request("HEAD", "/v1/feeds/f", headers=SSE)

    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize(("accept", "first"), [("text/event-stream", b"data: 1\n"), ("*/*", b"1\n")])
async def test_response_body_holds_for_each_answer(client: Any, accept: str, first: bytes) -> None:
    """http.proto: `response_body` is the field of the response that is mapped to the HTTP response body."""
    answer = await client.request("GET", "/v1/counts/2", headers={"Accept": accept})

    assert answer.body.replace(b'"', b"").startswith(first)


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("text/event-stream", "text/event-stream; charset=utf-8"),
        ("Text/Event-Stream; charset=utf-8", "text/event-stream; charset=utf-8"),
        ("application/x-ndjson", "application/x-ndjson"),
        ("*/*", "application/x-ndjson"),
        ("", "application/x-ndjson"),
        # RFC 9110, section 12.5.1: the higher weight wins, and 0 means "not acceptable".
        ("text/event-stream;q=0.5, application/x-ndjson", "application/x-ndjson"),
        ("application/x-ndjson;q=0.5, text/event-stream;q=0.9", "text/event-stream; charset=utf-8"),
        ("text/event-stream;q=0", "application/x-ndjson"),
        ("text/event-stream;q=x, */*", "application/x-ndjson"),
    ],
)
async def test_accept_chooses_the_framing(client: Any, accept: str, content_type: str) -> None:
    answer = await client.request("GET", "/v1/counts/2", headers={"Accept": accept})

    assert answer.headers["content-type"] == content_type
