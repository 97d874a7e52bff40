"""Messages of a session as bytes."""

import hashlib
from dataclasses import replace
from uuid import UUID

import pytest

from workers.environments.aws.agent_message import ALONE, AgentMessage, Damaged, PayloadType, decode, encode

MESSAGE = AgentMessage(
    "output_stream_data",
    UUID("01020304-0506-0708-090a-0b0c0d0e0f10"),
    created=1_700_000_000_000,
    sequence_number=7,
    flags=1,
    payload_type=PayloadType.OUTPUT,
    payload=b"hello\r\n",
)
# Each field as the source has it. The halves of the id are swapped.
BYTES = (
    bytes.fromhex("00000074")
    + b"output_stream_data".ljust(32)
    + bytes.fromhex("00000001")
    + bytes.fromhex("0000018bcfe56800")
    + bytes.fromhex("0000000000000007")
    + bytes.fromhex("0000000000000001")
    + bytes.fromhex("090a0b0c0d0e0f10" + "0102030405060708")
    + hashlib.sha256(b"hello\r\n").digest()
    + bytes.fromhex("00000001")
    + bytes.fromhex("00000007")
    + b"hello\r\n"
)


def with_field(start: int, value: bytes) -> bytes:
    return BYTES[:start] + value + BYTES[start + len(value) :]


def test_a_message_is_written_as_the_source_has_it() -> None:
    assert encode(MESSAGE) == BYTES


def test_a_message_is_read_as_it_was_written() -> None:
    assert decode(BYTES) == MESSAGE


def test_a_message_without_payload_is_read_whatever_its_digest_is() -> None:
    data = encode(replace(MESSAGE, payload=b""))

    assert decode(data[:80] + bytes(32) + data[112:]).payload == b""


def test_a_type_may_be_padded_with_zeros() -> None:
    assert decode(with_field(4, b"channel_closed".ljust(32, b"\0"))).message_type == "channel_closed"


def test_a_header_may_grow_at_its_end() -> None:
    grown = (116 + 8).to_bytes(4, "big") + BYTES[4:120] + bytes(8) + b"hello\r\n"

    assert decode(grown).payload == b"hello\r\n"


def test_flags_and_types_that_nobody_knows_are_read() -> None:
    message = decode(encode(replace(MESSAGE, message_type="news", flags=2**63 | ALONE, payload_type=2**32 - 1)))

    assert (message.message_type, message.flags, message.payload_type) == ("news", 2**63 | 3, 2**32 - 1)


@pytest.mark.parametrize("kind", [b"start_publication", b"pause_publication"])
def test_of_the_publication_nothing_but_the_type_counts(kind: bytes) -> None:
    data = with_field(4, kind.ljust(32))
    data = bytes(4) + data[4:80] + bytes(32) + data[112:]

    message = decode(data)

    assert (message.message_type, message.payload) == (kind.decode(), b"")


@pytest.mark.parametrize("length", [0, 1, 3, 4, 36, 79, 112, 116, 119])
def test_a_header_that_is_cut_off_is_damaged(length: int) -> None:
    with pytest.raises(Damaged, match="no header"):
        decode(BYTES[:length])


@pytest.mark.parametrize(
    "data",
    [
        BYTES[:-1],  # a payload that is cut off
        BYTES + b"x",  # or goes on
        with_field(116, (0).to_bytes(4, "big")),  # one that was not announced
        with_field(116, (2**32 - 1).to_bytes(4, "big")),
        with_field(0, (0).to_bytes(4, "big")),  # a header that ends before its fields
        with_field(0, (115).to_bytes(4, "big")),
        with_field(0, (2**32 - 1).to_bytes(4, "big")),  # and one that ends behind all
        with_field(80, bytes(32)),  # a digest of something else
        with_field(120, b"j"),
        with_field(48, (-1).to_bytes(8, "big", signed=True)),  # a number before the first
        with_field(4, b"\xff" * 32),  # a type that is no text
        bytes(120),
        b"\xff" * 200,
    ],
)
def test_what_contradicts_itself_is_damaged(data: bytes) -> None:
    with pytest.raises(Damaged):
        decode(data)


def test_whatever_bit_of_the_payload_or_its_digest_is_wrong_is_found() -> None:
    for place in (*range(80, 112), *range(116, len(BYTES))):
        for bit in range(8):
            with pytest.raises(Damaged):
                decode(with_field(place, bytes([BYTES[place] ^ (1 << bit)])))
