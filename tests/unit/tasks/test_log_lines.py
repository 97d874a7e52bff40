"""How a line of the contract becomes a line that is stored."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from server.clock import SECOND
from server.tasks.log_store import CUT, MESSAGE_BYTES, Line, from_message
from switchyard.tasks.v1.task_pb2 import LogLine

NOON = 1_700_000_000 * SECOND


def stored(line: LogLine) -> Line:
    return from_message([line], now=NOON + 5)[0]


def test_a_line_keeps_its_time_level_and_text() -> None:
    line = LogLine(timestamp=Timestamp(seconds=1_700_000_000, nanos=1_999), level=LogLine.LEVEL_ERROR, message="é")

    assert stored(line) == Line(NOON + 1, LogLine.LEVEL_ERROR, "é")


def test_a_line_without_level_is_info() -> None:
    assert stored(LogLine(message="x")).level == LogLine.LEVEL_INFO


@pytest.mark.parametrize("timestamp", [None, Timestamp(seconds=-5), Timestamp(seconds=2**62)])
def test_a_line_without_a_sound_time_was_written_now(timestamp: Timestamp | None) -> None:
    assert stored(LogLine(timestamp=timestamp)).time == NOON + 5


def test_nul_is_replaced() -> None:
    assert stored(LogLine(message="a\x00b")).message == "a\ufffdb"


@pytest.mark.parametrize(
    "message",
    [
        "x" * MESSAGE_BYTES,
        "é" * (MESSAGE_BYTES // 2),  # Two bytes each: exactly as many as allowed.
        "",
    ],
)
def test_a_text_of_the_largest_size_stays_whole(message: str) -> None:
    assert stored(LogLine(message=message)).message == message


@pytest.mark.parametrize("message", ["x" * (MESSAGE_BYTES + 1), "é" * MESSAGE_BYTES, "x" + "€" * MESSAGE_BYTES])
def test_a_longer_text_is_cut_between_characters_and_says_so(message: str) -> None:
    text = stored(LogLine(message=message)).message

    assert MESSAGE_BYTES - 4 <= len(text.encode()) <= MESSAGE_BYTES
    assert text.endswith(CUT)
    assert message.startswith(text.removesuffix(CUT))
