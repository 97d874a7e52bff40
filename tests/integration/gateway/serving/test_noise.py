"""Requests that were damaged on the way: each is answered or refused, and no connection is left open."""

import os
import random
import re

from gateway.serving.http_connection import HttpConnection
from tests.integration.gateway.serving.apps import echo_path
from tests.integration.gateway.serving.server import connected_to, served

CASES = int(os.environ.get("NOISE_CASES", "100"))
REQUESTS = [
    b"GET /a?b=c HTTP/1.1\r\nHost: a\r\n\r\n",
    b"HEAD / HTTP/1.0\r\n\r\n",
    b"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /b HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
    b"PUT /%41 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nA: b\r\n\r\n",
    b"GET http://a/c HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nTE: trailers\r\n\r\n",
]
DAMAGE = [b"", b"\0", b"\r", b"\n", b"\r\n", b" ", b":", b"0", b"f" * 20, b"\xff", b"chunked", b"Content-Length: 3\r\n"]


class Impatient(HttpConnection):
    head_seconds = 0.05
    body_seconds = 0.05


def damaged(chance: random.Random) -> bytes:
    data = bytearray(b"".join(chance.choices(REQUESTS, k=chance.randint(1, 6))))
    for _ in range(chance.randint(0, 3)):
        at = chance.randrange(len(data))
        data[at : at + chance.randint(0, 4)] = chance.choice(DAMAGE)
    # Nothing that is still open goes on like this.
    return bytes(data) + b"\xff" * 50


async def test_damaged_requests_are_answered_or_refused_and_the_connection_ends() -> None:
    chance = random.Random(1)
    statuses: set[bytes] = set()
    async with served(echo_path, Impatient, timeout_keep_alive=0.05) as server:
        for _ in range(CASES):
            data = damaged(chance)
            async with connected_to(server) as (reader, writer):
                at = chance.randrange(len(data) + 1)
                writer.write(data[:at])
                await writer.drain()
                writer.write(data[at:])
                answers = await reader.read()

            assert answers[:9] in (b"", b"HTTP/1.1 "), data
            statuses.update(re.findall(rb"HTTP/1\.1 (\d+) ", answers))
        assert not server.server_state.tasks

    assert statuses <= {b"100", b"200", b"400", b"408", b"501"}
    assert {b"200", b"400"} <= statuses
