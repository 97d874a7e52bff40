"""The text of events."""

import pytest

from gateway.framing.sse import format_event


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("one", b"data: one\n\n"),
        ("", b"data: \n\n"),
        # Each kind of line end of the standard, and what looks like a field of ours.
        ("a\nb\r\nc\rd", b"data: a\ndata: b\ndata: c\ndata: d\n\n"),
        ("x\nid: 7\n\nevent: end", b"data: x\ndata: id: 7\ndata: \ndata: event: end\n\n"),
        # Line ends of Unicode are no line ends here.
        ("a\u2028b\x0bc", "data: a\u2028b\x0bc\n\n".encode()),
    ],
)
def test_each_line_of_text_is_a_data_line(text: str, written: bytes) -> None:
    assert format_event(text) == written


def test_id_and_name_come_first() -> None:
    assert format_event("x", name="end", event_id="r:1") == b"id: r:1\nevent: end\ndata: x\n\n"


@pytest.mark.parametrize("event_id", ["", "a\nb", "a\rb", "a\0b"])
def test_an_id_no_reader_could_keep_is_left_out(event_id: str) -> None:
    assert format_event("x", event_id=event_id) == b"data: x\n\n"
