"""Compressed bodies are decoded in bounded memory, whatever they decode to."""

import gzip
import random
from base64 import b64encode
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import BadRequest
from gateway.http.coded_body import HOLLOW_BYTES, decoded

MIB = 1024 * 1024


class Body:
    """The body of a request, in pieces; counts what was asked for."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = list(pieces)
        self.asked = 0

    async def receive(self) -> Any:
        self.asked += 1
        if not self._pieces:
            return {"type": "http.disconnect"}
        piece = self._pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(self._pieces)}


def coded(coding: bytes, data: bytes) -> bytes:
    return gzip.compress(data) if coding == b"gzip" else zstandard.compress(data)


@pytest.mark.parametrize("coding", [b"gzip", b"zstd"])
async def test_a_bomb_comes_out_in_pieces_of_a_mebibyte_at_most(coding: bytes) -> None:
    receive = decoded(Body([coded(coding, bytes(100 * MIB))]).receive, coding)
    total = largest = 0

    while (event := await receive())["more_body"]:
        total += len(event["body"])
        largest = max(largest, len(event["body"]))

    assert total == 100 * MIB
    assert largest <= MIB


@pytest.mark.parametrize("coding", [b"gzip", b"zstd"])
async def test_no_more_is_asked_for_before_all_that_came_is_taken(coding: bytes) -> None:
    whole = coded(coding, bytes(10 * MIB))
    body = Body([whole[:-10], whole[-10:]])
    receive = decoded(body.receive, coding)

    for _ in range(5):
        await receive()

    assert body.asked == 1


@pytest.mark.parametrize("coding", [b"gzip", b"zstd"])
async def test_what_comes_behind_the_body_passes_as_it_is(coding: bytes) -> None:
    receive = decoded(Body([coded(coding, b"a")]).receive, coding)

    events = [await receive() for _ in range(3)]

    assert [event.get("body") for event in events] == [b"a", b"", None]
    assert events[-1] == {"type": "http.disconnect"}


@pytest.mark.parametrize("coding", [b"gzip", b"zstd"])
async def test_a_client_that_leaves_half_way_is_noticed(coding: bytes) -> None:
    receive = decoded(Body([]).receive, coding)

    assert await receive() == {"type": "http.disconnect"}


@pytest.mark.parametrize("coding", [b"gzip", b"zstd"])
@given(data=st.binary(max_size=2000), flip=st.integers(0, 10_000), size=st.integers(1, 300))
async def test_a_damaged_body_is_refused_or_decoded_but_never_fails_otherwise(
    coding: bytes, data: bytes, flip: int, size: int
) -> None:
    whole = bytearray(coded(coding, data))
    whole[flip % len(whole)] ^= 1 + flip % 255
    receive = decoded(Body([bytes(whole[at : at + size]) for at in range(0, len(whole), size)]).receive, coding)

    with suppress(BadRequest):
        while (await receive())["more_body"]:
            pass


# RFC 8878, section 3.1.1.2.4: a block may have 128 KiB, and nothing of it is known before all of them are there.
@pytest.mark.parametrize("size", [1000, 40_000, 65_536])
async def test_blocks_of_zstd_may_come_in_any_pieces(size: int) -> None:
    content = b64encode(random.Random(1).randbytes(MIB))
    whole = coded(b"zstd", content)
    receive = decoded(Body([whole[at : at + size] for at in range(0, len(whole), size)]).receive, b"zstd")

    found = b""
    while (event := await receive())["more_body"]:
        found += event["body"]

    assert found == content


@pytest.mark.parametrize("coding", [b"gzip", b"zstd"])
@pytest.mark.parametrize("size", [1000, 100 * MIB])
async def test_a_body_of_nothing_is_refused_soon_whatever_its_pieces(coding: bytes, size: int) -> None:
    nothing = coded(coding, b"")
    whole = nothing * (10 * HOLLOW_BYTES // len(nothing))
    body = Body([whole[at : at + size] for at in range(0, len(whole), size)])

    with pytest.raises(BadRequest, match="goes on without content"):
        await decoded(body.receive, coding)()

    assert body.asked <= 1 + 2 * HOLLOW_BYTES // size
