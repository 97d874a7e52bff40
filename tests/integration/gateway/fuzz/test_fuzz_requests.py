"""Whatever is sent, the answer is a true success or a refusal that says why: no fault, no hang, no value not sent."""

import asyncio
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from tests.integration.gateway.fuzz import inputs
from tests.integration.gateway.fuzz.echo import Answer, Echo, everything
from tests.integration.gateway.fuzz.fuzzing import TIMEOUT_SECONDS, fuzz, fuzz_settings

METHODS = ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS", "BREW"]


class Bench:
    """One loop and one service for all requests of a target."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self.echo = Echo()
        self._runner = runner

    def ask(self, http_method: str, path: bytes, query: bytes = b"", body: bytes = b"") -> Answer:
        return self._runner.run(self.echo.ask(http_method, path, query, body))


@pytest.fixture
def bench() -> Iterator[Bench]:
    with asyncio.Runner() as runner:
        yield Bench(runner)


def check(answer: Answer, seen: Any) -> None:
    """Assert that the answer is what a client may rely on."""
    assert 200 <= answer.status < 300 or 400 <= answer.status < 500, answer
    if answer.status >= 400:
        refusal = orjson.loads(answer.body)
        assert refusal.keys() <= {"code", "message", "details"}
        assert isinstance(refusal["code"], int)
        assert refusal["message"]
        assert seen is None
    elif answer.headers.get(b"content-type") == b"application/json":
        assert json_format.Parse(answer.body, everything()()) == seen


@pytest.mark.timeout(TIMEOUT_SECONDS)
def test_any_body_is_understood_as_the_reference_does_or_refused(bench: Bench) -> None:
    @fuzz_settings
    @given(inputs.bodies)
    def target(body: bytes) -> None:
        answer = bench.ask("POST", b"/body", body=body)

        check(answer, bench.echo.seen)
        if answer.status == 200:
            assert bench.echo.seen == (json_format.Parse(body, everything()()) if body else everything()())

    fuzz(target)


@pytest.mark.timeout(TIMEOUT_SECONDS)
def test_any_path_and_method_is_answered_or_refused(bench: Bench) -> None:
    @fuzz_settings
    @given(st.sampled_from(METHODS), inputs.paths, st.sampled_from([b"", b"{}", b"[]", b"{"]))
    def target(http_method: str, path: bytes, body: bytes) -> None:
        answer = bench.ask(http_method, path, body=body)

        if http_method == "HEAD":
            assert answer.status < 500
            assert answer.body == b""
        else:
            check(answer, bench.echo.seen)

    fuzz(target)


@pytest.mark.timeout(TIMEOUT_SECONDS)
def test_any_query_is_answered_or_refused(bench: Bench) -> None:
    @fuzz_settings
    @given(inputs.queries())
    def target(query: bytes) -> None:
        check(bench.ask("GET", b"/query", query), bench.echo.seen)

    fuzz(target)
