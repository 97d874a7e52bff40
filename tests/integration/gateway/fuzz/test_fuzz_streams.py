"""Whatever frames or lines are sent, each answer is the truth about its request, and the end says what was wrong."""

import asyncio
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from tests.integration.gateway.fuzz import inputs
from tests.integration.gateway.fuzz.echo import PATIENCE_SECONDS, Echo, everything
from tests.integration.gateway.fuzz.fuzzing import TIMEOUT_SECONDS, fuzz, fuzz_settings

PATH = b"/stream"
texts = inputs.bodies.map(lambda body: body.decode(errors="replace"))
frames = st.lists(texts | texts | st.text(max_size=10) | st.binary(max_size=5), max_size=6)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


async def exchange(echo: Echo, scope: dict[str, Any], incoming: list[Any]) -> list[Any]:
    """Send `incoming` to the gateway, and return what it sent until it was done. Raises TimeoutError for a hang."""
    sent: list[Any] = []

    async def receive() -> Any:
        return incoming.pop(0) if incoming else await asyncio.Event().wait()

    async def send(event: Any) -> None:
        sent.append(event)

    common = {"path": PATH.decode(), "raw_path": PATH, "query_string": b"", "client": ("127.0.0.1", 1)}
    async with asyncio.timeout(PATIENCE_SECONDS):
        await echo.app({**common, **scope}, receive, send)
    return sent


def check_answers(answers: list[bytes], requests: list[bytes]) -> None:
    """Assert that each answer but a last error is what the reference understands of its request."""
    if answers and answers[-1].startswith(b'{"error":'):
        assert orjson.loads(answers.pop())["error"]["message"]
    assert len(answers) <= len(requests)
    for answer, request in zip(answers, requests, strict=False):
        assert json_format.Parse(answer, everything()()) == json_format.Parse(request or b"{}", everything()())


@pytest.mark.timeout(TIMEOUT_SECONDS)
def test_any_frames_are_answered_one_by_one_or_refused(runner: asyncio.Runner) -> None:
    echo = Echo()

    @fuzz_settings
    @given(frames)
    def target(sent: list[str | bytes]) -> None:
        kinds = {str: "text", bytes: "bytes"}
        incoming: list[Any] = [{"type": "websocket.receive", kinds[type(frame)]: frame} for frame in [*sent, ""]]
        headers = [(b"host", b"localhost")]
        scope = {"type": "websocket", "scheme": "ws", "headers": headers, "subprotocols": []}

        accept, *answers, close = runner.run(exchange(echo, scope, [{"type": "websocket.connect"}, *incoming]))

        assert accept["type"] == "websocket.accept"
        assert close["type"] == "websocket.close"
        assert close["code"] in {1000, 1003, 1007}
        requests = [frame.encode() for frame in sent if isinstance(frame, str)]
        check_answers([answer["text"].encode() for answer in answers], requests)

    fuzz(target)


@pytest.mark.timeout(TIMEOUT_SECONDS)
def test_any_lines_in_any_pieces_are_answered_one_by_one_or_refused(runner: asyncio.Runner) -> None:
    echo = Echo()

    @fuzz_settings
    @given(st.lists(inputs.bodies, max_size=6), st.integers(1, 60))
    def target(sent: list[bytes], size: int) -> None:
        body = b"\n".join(sent)
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        incoming: list[Any] = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
        headers = [(b"host", b"localhost"), (b"content-type", b"application/x-ndjson")]
        scope = {"type": "http", "http_version": "1.1", "method": "POST", "scheme": "http", "headers": headers}

        start, *parts = runner.run(exchange(echo, scope, [*incoming, {"type": "http.request", "body": b""}]))

        assert start["status"] in {200, 400}
        answers = b"".join(part["body"] for part in parts)
        if start["status"] == 400:
            assert orjson.loads(answers)["message"]
        else:
            requests = [line for line in body.split(b"\n") if line.strip(b" \t\r")]
            check_answers(answers.splitlines(), requests)

    fuzz(target)
