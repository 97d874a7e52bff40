"""Limits of requests, counted in this process or in a real Valkey that may go away."""

import asyncio
import json
import logging
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.descriptor import FileDescriptor

from gateway.contract.error_form import ErrorForm
from gateway.contract.services import ContractInvalid
from gateway.errors.body import DETAIL, refuse
from gateway.http.rate_limit import (
    PAUSE_SECONDS,
    STORAGE_SECONDS,
    RateLimiter,
    StorageInvalid,
    counted_as,
    read_window,
    refused,
)
from gateway_options.v1.options_pb2 import RateLimit
from tests.valkey import Valkey, running_valkey

ROOT = Path(__file__).parents[3]


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    with running_valkey() as server:
        yield server


@pytest.fixture
async def open_closing(open_gateway: Any) -> AsyncIterator[Any]:
    """Makes gateways that are closed behind the test."""
    opened = []

    def make(**options: Any) -> Any:
        opened.append(open_gateway(**options))
        return opened[-1]

    yield make
    for client in opened:
        await client.app.close()


async def ask(client: Any, peer: str = "192.0.2.1") -> tuple[int, str | None]:
    """Status, and what is left of the two requests a minute."""
    answer = await client.request("GET", "/v1/rarities/r1", peer=(peer, 1))
    return answer.status, answer.headers.get("x-ratelimit-remaining")


async def test_gateways_with_one_redis_share_the_counts(open_closing: Any, valkey: Valkey) -> None:
    one, other = (open_closing(rate_limit_storage=valkey.url) for _ in range(2))

    answers = [await ask(one), await ask(other), await ask(one), await ask(other), await ask(other, "192.0.2.2")]

    assert answers == [(200, "1"), (200, "0"), (429, "0"), (429, "0"), (200, "1")]


async def test_gateways_that_count_in_memory_share_nothing(open_gateway: Any) -> None:
    one, other = open_gateway(), open_gateway()

    answers = [await ask(one), await ask(one), await ask(one), await ask(other)]

    assert answers == [(200, "1"), (200, "0"), (429, "0"), (200, "1")]


async def test_an_operator_sets_another_limit_by_its_name(open_gateway: Any) -> None:
    stricter = open_gateway(rate_limits={"rarities": RateLimit(requests=1, window_seconds=60)})
    open_to_all = open_gateway(rate_limits={"rarities": None})

    assert [await ask(stricter) for _ in range(2)] == [(200, "0"), (429, "0")]
    assert [await ask(open_to_all) for _ in range(4)] == [(200, None)] * 4


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"unknown": None}, "unknown: no rpc has a limit"),
        ({"rarities": RateLimit(requests=0, window_seconds=60)}, "rarities: a limit is at least one request"),
        ({"rarities": RateLimit(requests=1)}, "rarities: a limit is at least one request"),
    ],
)
async def test_a_limit_that_cannot_be_is_refused_at_the_start(open_gateway: Any, limits: Any, words: str) -> None:
    with pytest.raises(ContractInvalid, match=words):
        open_gateway(rate_limits=limits)


@pytest.mark.parametrize(
    ("refusal", "body"),
    [
        (RateLimit.REFUSAL_UNSPECIFIED, {"detail": "Rate limit exceeded: 100 per 1 minute"}),
        (RateLimit.REFUSAL_SENTENCE, {"error": "Rate limit exceeded: 100 per 1 minute"}),
        (RateLimit.REFUSAL_RETRY_AFTER, {"error": "Rate limit exceeded", "retry_after": 7}),
    ],
)
def test_a_refusal_has_the_body_the_contract_asks_for(refusal: RateLimit.Refusal.ValueType, body: Any) -> None:
    window = read_window("/a.B/C", RateLimit(requests=100, window_seconds=60, refusal=refusal))

    answer = refuse(refused(window, 7), ErrorForm(DETAIL))

    assert (answer.http_status, json.loads(answer.body)) == (429, body)
    assert (b"retry-after", b"7") in answer.headers


async def test_each_gateway_counts_by_itself_while_the_storage_is_away(
    open_closing: Any, valkey: Valkey, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = (open_closing(rate_limit_storage=valkey.url) for _ in range(2))
    before = [await ask(one), await ask(other), await ask(one)]
    valkey.kill()

    with caplog.at_level(logging.INFO, "gateway.http.rate_limit"):
        away = [await ask(client) for client in (one, one, one, other)]
        await asyncio.sleep(PAUSE_SECONDS)  # It is asked again, and told no more.
        still_away = await ask(one)
        valkey.start()
        await asyncio.sleep(PAUSE_SECONDS)
        back = [await ask(one), await ask(other), await ask(one)]

    assert before == [(200, "1"), (200, "0"), (429, "0")]
    assert away == [(200, "1"), (200, "0"), (429, "0"), (200, "1")]
    assert still_away == (429, "0")
    assert back == [(200, "1"), (200, "0"), (429, "0")]
    told = [record.getMessage() for record in caplog.records]
    assert [sum(words in one for one in told) for words in ("does not answer", "answers again")] == [2, 2]


async def test_a_storage_that_hangs_holds_requests_up_once_and_shortly(open_closing: Any, valkey: Valkey) -> None:
    client = open_closing(rate_limit_storage=valkey.url)
    await ask(client)
    valkey.freeze()

    began = time.monotonic()
    answers = [await ask(client) for _ in range(5)]
    took = time.monotonic() - began
    valkey.thaw()

    assert answers == [(200, "1"), (200, "0"), (429, "0"), (429, "0"), (429, "0")]
    assert took < 2 * STORAGE_SECONDS + 0.5


@pytest.mark.parametrize("uri", ["", "http://a", "unix:///a", "memcached://a", "redis://["])
def test_an_address_of_no_storage_is_refused(uri: str) -> None:
    with pytest.raises(StorageInvalid, match="memory://"):
        RateLimiter(uri)


@asynccontextmanager
async def gateway(*arguments: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway that runs as a process of its own."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'generated' / 'python'}"}
    command = [sys.executable, "-m", "gateway", "--listen", "127.0.0.1:0", *arguments]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE, env=environment, cwd=ROOT)
    try:
        async with asyncio.timeout(30):
            async with httpx.AsyncClient(base_url=await address_of(process)) as client:
                yield client
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 30)


async def address_of(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async for line in process.stderr:
        found = re.search(rb"running on (http://\S+)", line)
        if found:
            return found[1].decode()
    raise AssertionError("the gateway did not start")


async def test_programs_with_one_redis_share_the_counts(
    library: FileDescriptor, librarian: Any, descriptor_set: bytes, valkey: Valkey, tmp_path: Path
) -> None:
    file = tmp_path / "library.binpb"
    file.write_bytes(descriptor_set)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(librarian.handlers(library))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    arguments = ["--backend", f"127.0.0.1:{port}", "--descriptor-set", str(file), "--rate-limit-storage", valkey.url]

    async with gateway(*arguments) as one, gateway(*arguments) as other:
        answers = [await client.get("/v1/rarities/r1") for client in (one, other, one)]
    await server.stop(None)

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
    assert 1 <= int(answers[2].headers["retry-after"]) <= 61


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("203.0.113.1", "203.0.113.2", False),
        # RFC 7421: the first 64 bits are a network, within which everybody chooses addresses at will.
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        # RFC 4291, section 2.5.5.2: addresses of IPv4, as a listener for both tells them.
        ("::ffff:203.0.113.1", "::ffff:203.0.113.2", False),
        ("", "203.0.113.1", False),
    ],
)
def test_addresses_that_one_client_may_choose_from_are_counted_together(one: str, other: str, *, same: bool) -> None:
    assert (counted_as(one) == counted_as(other)) is same
