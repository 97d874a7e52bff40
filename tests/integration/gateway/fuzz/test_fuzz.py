"""Whatever is sent, the answer is a true success or a refusal that says why: no fault, no hang, no value not sent.

Runs for FUZZ_SECONDS in all, from FUZZ_SEED on. A failure names the smallest request found.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from google.protobuf import json_format
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.integration.gateway.fuzz import inputs
from tests.integration.gateway.fuzz.echo import Answer, Echo, everything

SECONDS = float(os.environ.get("FUZZ_SECONDS", "12"))
FIRST_SEED = int(os.environ.get("FUZZ_SEED", "1"))
TARGETS = 3
METHODS = ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS", "BREW"]
ask_settings = settings(
    max_examples=250, deadline=None, database=None, suppress_health_check=[*HealthCheck], print_blob=False
)


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


def fuzz(target: Callable[[], None]) -> None:
    """Run `target` with one seed after the other until its share of the time is over."""
    over = time.monotonic() + SECONDS / TARGETS
    number = FIRST_SEED
    while time.monotonic() < over:
        seed(number)(target)()
        number += 1


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


@pytest.mark.timeout(SECONDS + 120)
def test_any_body_is_understood_as_the_reference_does_or_refused(bench: Bench) -> None:
    @ask_settings
    @given(inputs.bodies)
    def target(body: bytes) -> None:
        answer = bench.ask("POST", b"/body", body=body)

        check(answer, bench.echo.seen)
        if answer.status == 200:
            assert bench.echo.seen == (json_format.Parse(body, everything()()) if body else everything()())

    fuzz(target)


@pytest.mark.timeout(SECONDS + 120)
def test_any_path_and_method_is_answered_or_refused(bench: Bench) -> None:
    @ask_settings
    @given(st.sampled_from(METHODS), inputs.paths, st.sampled_from([b"", b"{}", b"[]", b"{"]))
    def target(http_method: str, path: bytes, body: bytes) -> None:
        answer = bench.ask(http_method, path, body=body)

        if http_method == "HEAD":
            assert answer.status < 500
            assert answer.body == b""
        else:
            check(answer, bench.echo.seen)

    fuzz(target)


@pytest.mark.timeout(SECONDS + 120)
def test_any_query_is_answered_or_refused(bench: Bench) -> None:
    @ask_settings
    @given(inputs.queries())
    def target(query: bytes) -> None:
        check(bench.ask("GET", b"/query", query), bench.echo.seen)

    fuzz(target)
