"""Envelopes, their base64 and their compression, whatever way the bytes come in."""

import asyncio
import base64
import gzip
from collections.abc import AsyncIterator
from contextlib import suppress

import grpc
import pytest
import zstandard
from google.protobuf.message import DecodeError
from google.protobuf.struct_pb2 import Struct
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import BadRequest, GatewayError, MessageTooLarge
from gateway.protocols.connect_error import CODES
from gateway.protocols.envelope import Envelope, EnvelopeReader, pack
from gateway.protocols.grpc_web_text import TextDecoder
from gateway.protocols.message_codec import MessageCodec
from gateway.protocols.message_coding import compress, decompress
from gateway.protocols.request_reader import RequestReader

LIMIT = 1000


@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=50)), max_size=5), st.integers(1, 60))
def test_envelopes_come_out_as_they_went_in_whatever_the_pieces(sent: list[tuple[int, bytes]], size: int) -> None:
    body = b"".join(pack(flags, data) for flags, data in sent)
    reader = EnvelopeReader(LIMIT)

    found = [one for at in range(0, len(body), size) for one in reader.feed(body[at : at + size])]

    reader.finish()
    assert found == [Envelope(flags, data) for flags, data in sent]


def test_an_envelope_of_the_limit_passes_and_one_above_does_not() -> None:
    assert list(EnvelopeReader(3).feed(pack(0, b"abc"))) == [Envelope(0, b"abc")]
    with pytest.raises(MessageTooLarge):
        list(EnvelopeReader(3).feed(pack(0, b"abcd")[:5]))


@given(st.lists(st.binary(max_size=20), max_size=5), st.integers(1, 30))
def test_base64_may_be_padded_in_between_and_come_in_any_pieces(parts: list[bytes], size: int) -> None:
    # Source: PROTOCOL-WEB.md, "Text-encoded (response) streams".
    text = b"".join(map(base64.b64encode, parts))
    decoder = TextDecoder()

    found = b"".join(decoder.feed(text[at : at + size]) for at in range(0, len(text), size))

    decoder.finish()
    assert found == b"".join(parts)


@pytest.mark.parametrize("text", [b"====", b"A===", b"AA=A", b"=AAA", b"AA A", b"AA-_", b"AAA\n", b"\xff\xff\xff\xff"])
def test_what_is_no_base64_is_refused(text: bytes) -> None:
    with pytest.raises(BadRequest):
        TextDecoder().feed(text)


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", compress(b"x" * LIMIT)),
        ("gzip", 2 * gzip.compress(b"x" * 500, mtime=0)),
        ("zstd", zstandard.compress(b"x" * LIMIT)),
    ],
)
def test_a_compressed_message_is_unpacked_up_to_the_limit(coding: str, packed: bytes) -> None:
    assert decompress(packed, coding, LIMIT) == b"x" * LIMIT
    with pytest.raises(MessageTooLarge):
        decompress(packed, coding, LIMIT - 1)


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@pytest.mark.parametrize("cut", [1, 5, 12])
def test_a_compressed_message_that_breaks_off_is_refused(coding: str, cut: int) -> None:
    packed = gzip.compress(b"hello") if coding == "gzip" else zstandard.compress(b"hello")

    with pytest.raises(BadRequest):
        decompress(packed[:-cut], coding, LIMIT)


# Ten megabytes of them would be unpacked for a minute and a half, with everybody else waiting.
@pytest.mark.parametrize("nothing", [("gzip", gzip.compress(b"")), ("zstd", zstandard.compress(b""))])
def test_a_compressed_message_that_goes_on_without_content_is_refused(nothing: tuple[str, bytes]) -> None:
    coding, packed = nothing

    with pytest.raises(BadRequest, match=f"the {coding} coding of a message goes on without content"):
        decompress(packed * 100_000, coding, LIMIT)


@given(st.binary(max_size=200), st.booleans(), st.sampled_from([None, "gzip", "zstd"]))
@settings(deadline=None)
def test_no_body_does_more_than_be_refused(body: bytes, text: bool, coding: str | None) -> None:
    # Half of them begin like a message, so that the reader gets somewhere.
    if body[:1] < b"\x80":
        body = pack(body[0] & 1 if body else 0, body[1:])
    codec = MessageCodec(parse_struct, lambda message: message.SerializeToString())
    reader = RequestReader(codec, LIMIT, coding)

    async def pieces() -> AsyncIterator[bytes]:
        decoder = TextDecoder()
        for at in range(0, len(body), 7):
            piece = body[at : at + 7]
            yield decoder.feed(piece) if text else piece

    async def read() -> int:
        return len([message async for message in reader.requests(pieces())])

    with suppress(GatewayError):
        asyncio.run(read())


def parse_struct(data: bytes) -> Struct:
    try:
        return Struct.FromString(data)
    except DecodeError as error:
        raise BadRequest("no Struct") from error


def test_every_status_has_a_code_of_connect() -> None:
    # Source: https://connectrpc.com/docs/protocol, "Error Codes". OK is none, and nothing that succeeds is written so.
    assert set(CODES) == set(grpc.StatusCode)
    assert CODES[grpc.StatusCode.CANCELLED] == "canceled"
