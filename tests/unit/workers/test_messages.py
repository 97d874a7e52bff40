import pytest

from workers.runner.messages import LOG_MESSAGE_BYTES, Ending, LineSplitter, MessageTooLong, cut, line_of, parse


def test_messages_survive_any_division_of_the_stream() -> None:
    data = line_of("log", [1, "info", "one\ntwo é"]) + line_of("progress", [None, ""])
    splitter = LineSplitter()

    messages = [message for byte in data for message in parse(splitter.feed(bytes([byte])))]

    assert messages == [("log", [1, "info", "one\ntwo é"]), ("progress", [None, ""])]


def test_a_line_without_end_is_refused() -> None:
    splitter = LineSplitter(limit=10)

    with pytest.raises(MessageTooLong):
        splitter.feed(b"x" * 11)


def test_an_ending_reads_back_as_it_was_sent() -> None:
    ending = Ending(-9, (("SIGTERM", 1), ("SIGKILL", 2)), 0, 3)

    assert Ending.from_bytes(ending.to_bytes()) == ending


@pytest.mark.parametrize("message", ["x" * LOG_MESSAGE_BYTES, "é" * (LOG_MESSAGE_BYTES // 2), "short", ""])
def test_a_message_within_the_bound_stays_as_it_is(message: str) -> None:
    assert cut(message) == message


@pytest.mark.parametrize("message", ["x" * (LOG_MESSAGE_BYTES + 1), "é" * LOG_MESSAGE_BYTES])
def test_a_longer_message_is_cut_to_the_bound_and_says_so(message: str) -> None:
    assert len(cut(message).encode()) <= LOG_MESSAGE_BYTES
    assert cut(message).endswith("(cut)")
